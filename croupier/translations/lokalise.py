"""Lokalise, through `python-lokalise-api`: uploads and exports run as queued processes that are waited for."""

import io
import time
import zipfile
from base64 import b64encode
from pathlib import Path, PurePosixPath
from typing import Any, Final

import lokalise

from croupier.translations.service import DOWNLOAD_BYTES_MAX, Access, TextsFailed, Translations, download, parse_texts
from gateway.texts import SOURCE_LANGUAGE

PROCESS_TIMEOUT_S: Final = 300
CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 60
_ENDED_BADLY: Final = ("failed", "cancelled")


class Lokalise:
    """One project of Lokalise. `pause_s` is the pause between two questions whether a process is done."""

    def __init__(self, access: Access, pause_s: float = 1.0) -> None:
        self._project, self._pause_s = access.project, pause_s
        self._client = lokalise.Client(
            access.token, connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, api_host=access.api_url
        )

    def push(self, source: Path) -> None:
        """Uploads the English file. Texts that changed replace those at the service. Raises TextsFailed."""
        options = {
            "data": b64encode(source.read_bytes()).decode(),
            "filename": source.name,
            "lang_iso": SOURCE_LANGUAGE,
            "replace_modified": True,
        }
        try:
            self._wait(self._client.upload_file(self._project, options))
        except (lokalise.errors.ClientError, OSError) as failure:
            raise TextsFailed(f"Lokalise did not take the texts: {failure}") from failure

    def pull(self) -> Translations:
        """Exports all languages as one zip of `<lang>.json`. Raises TextsFailed."""
        options = {
            "format": "json",
            "original_filenames": False,
            "bundle_structure": "%LANG_ISO%.json",
            "export_empty_as": "skip",
            "replace_breaks": False,
        }
        try:
            done = self._wait(self._client.download_files_async(self._project, options))
        except (lokalise.errors.ClientError, OSError) as failure:
            raise TextsFailed(f"Lokalise gave no texts: {failure}") from failure
        return _unpack(download(str((done.details or {}).get("download_url", ""))))

    def _wait(self, process: Any) -> Any:
        """The process once it is finished."""
        deadline = time.monotonic() + PROCESS_TIMEOUT_S
        process_id = process.process_id
        while process.status != "finished":
            if process.status in _ENDED_BADLY:
                raise TextsFailed(f"Lokalise's process {process_id} {process.status}: {process.message or 'no reason'}")
            if time.monotonic() > deadline:
                raise TextsFailed(f"Lokalise's process {process_id} took longer than {PROCESS_TIMEOUT_S} s")
            time.sleep(self._pause_s)
            process = self._client.queued_process(self._project, process_id)
        return process


def _unpack(content: bytes) -> Translations:
    """The files of an export by language; names are only compared, never opened as paths."""
    found: Translations = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            entries = [entry for entry in bundle.infolist() if entry.filename.endswith(".json")]
            if sum(entry.file_size for entry in entries) > DOWNLOAD_BYTES_MAX:
                raise TextsFailed(f"Lokalise sent more than {DOWNLOAD_BYTES_MAX} bytes of texts")
            for entry in entries:
                found[PurePosixPath(entry.filename).stem] = parse_texts(entry.filename, bundle.read(entry))
    except zipfile.BadZipFile as error:
        raise TextsFailed("Lokalise sent something that is no zip file") from error
    return found

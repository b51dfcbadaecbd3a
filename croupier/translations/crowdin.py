"""Crowdin, through `crowdin-api-client`: the English file is a source file; translations are built by language."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from crowdin_api import CrowdinClient
from crowdin_api.exceptions import CrowdinException

from croupier.translations.service import Access, TextsFailed, Translations, download, parse_texts
from gateway.texts import SOURCE_LANGUAGE

API_URL: Final = "https://api.crowdin.com/api/v2/"
TIMEOUT_S: Final = 60


class Crowdin:
    """One project of Crowdin. For Crowdin Enterprise the API's URL is `https://<organization>.api.crowdin.com/api/v2/`."""

    def __init__(self, access: Access) -> None:
        if not access.project.isdecimal():
            raise TextsFailed(f"a Crowdin project is a number, not {access.project[:40]!r}")
        url = urlsplit(access.api_url or API_URL)
        self._project = int(access.project)
        self._client = CrowdinClient(
            token=access.token,
            project_id=self._project,
            base_url=f"{url.netloc}{url.path.rstrip('/')}/",
            http_protocol=url.scheme,
            timeout=TIMEOUT_S,
        )

    def push(self, source: Path) -> None:
        """Adds the English file, or updates the one of that name. Raises TextsFailed."""
        with source.open("rb") as file:
            stored = _asked(lambda: self._client.storages.add_storage(file))["data"]["id"]
        known = self._file_id(source.name)
        files = self._client.source_files
        if known is None:
            _asked(lambda: files.add_file(storageId=stored, name=source.name))
        else:
            _asked(lambda: files.update_file(fileId=known, storageId=stored))

    def pull(self) -> Translations:
        """Builds and downloads the file in each target language. Raises TextsFailed."""
        file_id = self._file_id(name := f"{SOURCE_LANGUAGE}.json")
        if file_id is None:
            raise TextsFailed(f"the Crowdin project has no file {name} yet: push first")
        project = _asked(lambda: self._client.projects.get_project())["data"]
        return {language: self._translation(file_id, language) for language in project["targetLanguageIds"]}

    def _translation(self, file_id: int, language: str) -> dict[str, str]:
        built = _asked(
            lambda: self._client.translations.build_project_file_translation(
                fileId=file_id, targetLanguageId=language, skipUntranslatedStrings=True
            )
        )
        return parse_texts(f"{language}.json", download(built["data"]["url"]))

    def _file_id(self, name: str) -> int | None:
        listed = _asked(lambda: self._client.source_files.with_fetch_all().list_files())["data"]
        return next((int(entry["data"]["id"]) for entry in listed if entry["data"]["name"] == name), None)


def _asked(call: Callable[[], Any]) -> Any:
    """What Crowdin answers. Raises TextsFailed with its message."""
    try:
        return call()
    except (CrowdinException, OSError) as failure:
        raise TextsFailed(f"Crowdin refused or did not answer: {failure}") from failure

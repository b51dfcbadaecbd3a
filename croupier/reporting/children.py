"""Processes that make reports, `croupier report --machine`: how one is started, told where things are, and ended.

It runs SQL of other people's files. So it gets only those secrets of its parent that a report needs, through the pipe.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from croupier.integrations import IntegrationsInvalid, load_integrations
from croupier.reporting.told import LINE_BYTES_MAX, Begin, encode_begin
from snapshots.credentials import Credential

PASSED_ON: Final = frozenset({
    "CROUPIER_ARCHIVE", "CROUPIER_FACTS", "CROUPIER_INTEGRATIONS", "CROUPIER_REPORTS",
    "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "MPLCONFIGDIR", "PATH", "PYTHONHOME", "PYTHONPATH",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
})  # fmt: skip
"""Variables that a report's process gets, beside those of the locale: none of them is a secret."""
_LOCALE: Final = "LC_"
_MACHINE_ROLE: Final = "AWS_"
"""With these a machine shows its role to a bucket for which no keys are named."""


async def start(
    name: str, options: Mapping[str, str | None], parameters: Mapping[str, str], begin: Begin
) -> asyncio.subprocess.Process:
    """A process that makes the report. It ends when its input does. The caller ends it, whatever happens."""
    # Values are joined to their options: one that begins with a hyphen is no option of its own.
    told = [f"--{option}={value}" for option, value in options.items() if value is not None]
    told += [f"--set={parameter}={value}" for parameter, value in parameters.items()]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "croupier", "report", name, "--machine", *told),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
        env={each: value for each, value in os.environ.items() if each in PASSED_ON or each.startswith(_LOCALE)},
    )
    assert child.stdin is not None
    child.stdin.write(encode_begin(begin))
    return child


def end(child: asyncio.subprocess.Process) -> None:
    """Ends it, if it has not ended. Whoever needs to know when it is gone awaits `child.wait()`."""
    with contextlib.suppress(ProcessLookupError):
        if child.returncode is None:
            child.kill()


def beginning(store: str, integrations: str | None, reports: str | None) -> Begin:
    """What such a process is told. Reads the file `integrations`, so that its secrets are those of now."""
    return Begin(store, integrations, reports, _secrets(integrations or os.environ.get("CROUPIER_INTEGRATIONS")))


def _secrets(integrations: str | None) -> Mapping[str, str]:
    """Variables of this process with which the archive is read, and reports are signed."""
    archive, audit = None, None
    if integrations:
        with contextlib.suppress(IntegrationsInvalid):  # the report's process says what is wrong with the file
            known = load_integrations(Path(integrations), with_secrets=False)
            archive, audit = known.archive, known.audit
    keys = () if archive is None else (archive.place.access_key_id, archive.place.secret_access_key)
    named: list[Credential | None] = [*keys, None if audit is None else audit.key]
    variables = {each.env for each in named if each is not None and each.env is not None}
    if not any(keys):
        variables |= {name for name in os.environ if name.startswith(_MACHINE_ROLE)}
    return {name: os.environ[name] for name in sorted(variables) if name in os.environ}

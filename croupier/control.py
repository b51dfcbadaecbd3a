"""The gateway's `ControlPort`: checks candidate catalogs, has the supervisor deploy them, follows them.

A gateway decides nothing: versions are stored, the supervisor commits them, and every gateway learns of it from the
routing table.
"""

import asyncio
import logging
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from actors.catalog_swap import CatalogContent, CatalogMissing, encode_content, read_content
from actors.client import ShardClient
from actors.clock import now_ms
from actors.frames import AdvanceClock, ClockSet, ControlAnswer, ControlBody, DeployCatalog, Failed
from actors.frames import Deployed as InShards
from croupier.catalog_diff import diff
from croupier.catalog_files import check_bundle
from croupier.catalog_folder import belongs
from croupier.catalog_problems import CatalogInvalid
from croupier.catalog_problems import Checked as CheckedCatalog
from croupier.catalog_yaml import Problem
from engine.catalog import Catalog
from gateway.ports import Checked, ControlUnavailable, Deployed, Finding, InForce, SandboxClock
from gateway.texts import Texts
from snapshots.contract import CatalogRow, Store
from snapshots.errors import StoreError

log = logging.getLogger("croupier.catalog")

FOLLOW_INTERVAL_S = 0.5
CONTROL_TIMEOUT_S = 30.0
CLOCK_TIMEOUT_S = 310.0
_decode_texts = msgspec.msgpack.Decoder(Texts).decode


def content_of(checked: CheckedCatalog, files: Mapping[str, bytes]) -> CatalogContent:
    """What the store keeps of a checked catalog."""
    return CatalogContent(checked.catalog, msgspec.msgpack.encode(checked.texts), _hashes(files))


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """Content hash by name, of what belongs to a catalog."""
    return {name: sha256(content).hexdigest() for name, content in files.items() if belongs(name)}


class CatalogControl:
    """Implements `gateway.ports.ControlPort`. `start` reads what is in force; `run` follows it until cancelled."""

    def __init__(self, store: Store, client: ShardClient) -> None:
        self._store, self._client = store, client
        self._row = CatalogRow(0, "", 0, "")
        self._content: CatalogContent | None = None
        self._texts = Texts()

    async def start(self) -> None:
        """There may be none yet: a gateway can be there before the shards are. Raises StoreError, CatalogMissing."""
        await self._follow()

    @property
    def version(self) -> str:
        """Of the catalog in force; "" if there is none yet."""
        return self._row.version

    async def run(self) -> None:
        """Follows the routing table's catalog."""
        while True:
            await asyncio.sleep(FOLLOW_INTERVAL_S)
            try:
                await self._follow()
            except (StoreError, CatalogMissing) as failure:
                log.warning("the catalog in force can't be read: %s", failure)

    async def _follow(self) -> None:
        routing = self._client.routing
        row = routing.catalog if routing is not None else None
        if row is not None:
            await self._take(row)

    async def _take(self, row: CatalogRow) -> None:
        """Takes it unless a later one is held: the client's routing table may be older than a deploy just answered."""
        if row.number <= self._row.number:
            return
        content = await read_content(self._store, row.version)
        if row.number > self._row.number:
            self._row, self._content, self._texts = row, content, _decode_texts(content.texts)

    # --- what is in force

    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self._in_force().catalog

    def texts(self) -> Texts:
        """Its texts."""
        return self._texts

    def in_force(self) -> InForce:
        """Which one it is."""
        self._in_force()
        return InForce(self._row.version, self._row.number, self._row.at_ms, self._row.by)

    def _in_force(self) -> CatalogContent:
        if self._content is None:
            raise ControlUnavailable("No catalog is in force yet: the shards have not been started.")
        return self._content

    # --- candidates

    async def check(self, files: Mapping[str, bytes]) -> Checked:
        """See `gateway.ports.ControlPort`."""
        return self._compared(await self._checked(files), files)

    async def deploy(self, files: Mapping[str, bytes], by: str) -> Deployed | Checked:
        """See `gateway.ports.ControlPort`."""
        checked = await self._checked(files)
        if not isinstance(checked, CheckedCatalog) or checked.problems:
            return self._compared(checked, files)
        content = content_of(checked, files)
        before, texts_before = self._in_force().catalog, self._texts
        version = content.catalog.version
        try:
            await self._store.put_catalog(version, encode_content(content))
        except StoreError as failure:
            raise ControlUnavailable(f"the store does not take the catalog now: {failure}") from failure
        answer = await self._ask_supervisor(DeployCatalog(version, by), CONTROL_TIMEOUT_S)
        if not isinstance(answer, InShards):
            raise ControlUnavailable(_reason(answer))
        await self._await_number(answer.number)
        changes = msgspec.to_builtins(diff(before, content.catalog, texts_before, checked.texts))
        return Deployed(answer.version, answer.number, changes)

    async def _checked(self, files: Mapping[str, bytes]) -> CheckedCatalog | tuple[Problem, ...]:
        """In a thread: a thousand campaigns take a while, and spins must not wait."""
        try:
            return await asyncio.to_thread(check_bundle, dict(files))
        except CatalogInvalid as problem:
            return tuple(problem.problems)

    def _compared(self, checked: CheckedCatalog | tuple[Problem, ...], files: Mapping[str, bytes]) -> Checked:
        known = self._in_force().files
        hashes = _hashes(files)
        changed = sorted(name for name in {*known, *hashes} if known.get(name) != hashes.get(name))
        if isinstance(checked, CheckedCatalog):
            return Checked(_findings(checked.problems), _findings(checked.warnings), tuple(changed))
        return Checked(_findings(checked), (), tuple(changed))

    async def _await_number(self, number: int) -> None:
        """This gateway shows the new catalog by the time it says that it is deployed."""
        try:
            row = (await self._store.routing()).catalog
            if row is not None and row.number >= number:
                await self._take(row)
        except (StoreError, CatalogMissing) as failure:
            log.warning("deployed, but can't be read back yet: %s", failure)

    async def usage(self, campaign_id: str) -> int | None:
        """See `gateway.ports.ControlPort`."""
        try:
            return (await self._store.usage(campaign_id)).micro_eur
        except StoreError:
            return None

    # --- sandbox

    async def advance_clock(self, seconds: int) -> SandboxClock:
        """See `gateway.ports.ControlPort`."""
        answer = await self._ask_supervisor(AdvanceClock(seconds * 1000), CLOCK_TIMEOUT_S)
        if not isinstance(answer, ClockSet):
            raise ControlUnavailable(_reason(answer))
        return SandboxClock(now_ms() + answer.offset_ms, answer.offset_ms)

    async def _ask_supervisor(self, body: ControlBody, timeout_s: float) -> ControlAnswer:
        routing = self._client.routing
        try:
            return await self._client.control(routing.supervisor if routing else None, body, timeout_s)
        except (OSError, TimeoutError) as failure:
            raise ControlUnavailable(
                f"the supervisor does not answer: {failure or type(failure).__name__}"
            ) from failure


def _reason(answer: ControlAnswer) -> str:
    return answer.reason if isinstance(answer, Failed) else f"unexpected answer {type(answer).__name__}"


def _findings(problems: tuple[Problem, ...]) -> tuple[Finding, ...]:
    return tuple(Finding(problem.file, problem.line, problem.reason) for problem in problems)

"""The gateway's `ControlPort`: it checks candidate catalogs, has the supervisor deploy them, and follows the catalog in
force.

A gateway decides nothing: versions are stored, the supervisor commits them, and every gateway learns of it from the
routing table.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256

import msgspec

from actors.routing.client import ShardClient
from actors.stored_catalogs import CatalogContent, CatalogMissing, encode_content, read_content
from actors.supervision.deploying import recall
from actors.wire.frames import AdvanceClock, ClockSet, ControlAnswer, ControlBody, DeployCatalog, Failed, Keyed
from actors.wire.frames import Deployed as InShards
from actors.wire.frames import KeyTaken as KeyIsTaken
from actors.wire.frames import Overtaken as WasOvertaken
from actors.wire.frames import TimeEnds as TimeHasEnd
from croupier.catalog import check_bundle, content_hash
from croupier.catalog.folder import belongs
from croupier.catalog.places import Problem
from croupier.catalog.problems import CatalogInvalid
from croupier.catalog.problems import Checked as CheckedCatalog
from croupier.deploying.diff import diff
from croupier.deploying.exponents import exponent_problems
from croupier.deploying.figures import read_figures
from croupier.deploying.four_eyes import second_person_for
from engine.catalog import Campaign, Catalog
from engine.tally import LEVEL, PLAYERS, POINTS, tally_name
from gateway.ports import (
    CampaignFigures,
    Checked,
    ControlUnavailable,
    Deployed,
    Finding,
    InForce,
    KeyTaken,
    Overtaken,
    Population,
    SandboxClock,
    TimeEnds,
)
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


def keyed(command_id: str, content: str) -> Keyed | None:
    """The digests by which a control request is remembered; `content` is all that it asks for. None without an id."""
    if not command_id:
        return None
    return Keyed(*(blake2b(text.encode(), digest_size=16).digest() for text in (command_id, content)))


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """The content hash of each file that belongs to a catalog, by name."""
    return {name: sha256(content).hexdigest() for name, content in files.items() if belongs(name)}


class CatalogControl:
    """Implements `gateway.ports.ControlPort`. `start` reads what is in force; `run` follows it until cancelled."""

    def __init__(self, store: Store, client: ShardClient) -> None:
        self._store, self._client = store, client
        self._row = CatalogRow(0, "", 0, "")
        self._content: CatalogContent | None = None
        self._texts = Texts()

    async def start(self) -> None:
        """Reads the catalog in force. There may be none, if the gateway starts before the shards.

        Raises StoreError, CatalogMissing.
        """
        await self._follow()

    @property
    def version(self) -> str:
        """The version of the catalog in force; "" if there is none yet."""
        return self._row.version

    async def run(self) -> None:
        """Follows the catalog that the routing table names."""
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
        """Takes the catalog of this row, unless a later one was taken: the routing table may be older than a deploy
        just now.
        """
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

    async def deployed(self, files: Mapping[str, bytes], command_id: str) -> Deployed | KeyTaken | None:
        """See `gateway.ports.ControlPort`."""
        try:
            answer = await recall(self._store, keyed(command_id, _deploying(files)))
        except StoreError as failure:
            raise ControlUnavailable(f"the store can't be asked now: {failure}") from failure
        if answer is None:
            return None
        return _deployed(answer) if isinstance(answer, InShards) else KeyTaken()

    async def deploy(
        self, files: Mapping[str, bytes], by: str, base: int | None = None, command_id: str = ""
    ) -> Deployed | Checked | Overtaken | KeyTaken:
        """See `gateway.ports.ControlPort`."""
        checked = await self._checked(files)
        if not isinstance(checked, CheckedCatalog) or checked.problems:
            return self._compared(checked, files)
        content = content_of(checked, files)
        changes = msgspec.json.encode(diff(self._in_force().catalog, content.catalog, self._texts, checked.texts))
        version = content.catalog.version
        try:
            await self._store.put_catalog(version, encode_content(content))
        except StoreError as failure:
            raise ControlUnavailable(f"the store does not take the catalog now: {failure}") from failure
        asked = DeployCatalog(version, by, base, changes, keyed(command_id, _deploying(files)))
        return await self._settled(await self._ask_supervisor(asked, CONTROL_TIMEOUT_S))

    async def _settled(self, answer: ControlAnswer) -> Deployed | Overtaken | KeyTaken:
        if isinstance(answer, KeyIsTaken):
            return KeyTaken()
        if not isinstance(answer, InShards | WasOvertaken):
            raise ControlUnavailable(_reason(answer))
        await self._await_number(answer.number)
        return _deployed(answer) if isinstance(answer, InShards) else Overtaken(answer.number)

    async def _checked(self, files: Mapping[str, bytes]) -> CheckedCatalog | tuple[Problem, ...]:
        """Checks in a thread, because a thousand campaigns take a while and spins must not wait.

        Raises ControlUnavailable.
        """
        try:
            checked = await asyncio.to_thread(check_bundle, dict(files))
        except CatalogInvalid as problem:
            return tuple(problem.problems)
        try:
            held = await exponent_problems(self._store, self._in_force().catalog, checked)
        except StoreError as failure:
            raise ControlUnavailable(f"the store can't be asked now who holds which currency: {failure}") from failure
        return checked._replace(problems=(*checked.problems, *held))

    def _compared(self, checked: CheckedCatalog | tuple[Problem, ...], files: Mapping[str, bytes]) -> Checked:
        known = self._in_force().files
        hashes = _hashes(files)
        changed = sorted(name for name in {*known, *hashes} if known.get(name) != hashes.get(name))
        if isinstance(checked, CheckedCatalog):
            findings = _findings(checked.problems), _findings(checked.warnings)
            two_persons = second_person_for(self._in_force().catalog, checked.catalog)
        else:
            findings, two_persons = (_findings(checked), ()), ""
        return Checked(*findings, tuple(changed), self._row.number, two_persons)

    async def _await_number(self, number: int) -> None:
        """Waits until this gateway shows the new catalog, before it answers that the catalog is deployed."""
        try:
            row = (await self._store.routing()).catalog
            if row is not None and row.number >= number:
                await self._take(row)
        except (StoreError, CatalogMissing) as failure:
            log.warning("the catalog is deployed, but can't be read back yet: %s", failure)

    async def figures(self, campaigns: Sequence[Campaign]) -> Mapping[str, CampaignFigures]:
        """See `gateway.ports.ControlPort`."""
        try:
            return await read_figures(self._store, campaigns)
        except StoreError as failure:
            log.warning("what has become of campaigns can't be read: %s", failure)
            return {}

    async def population(self) -> Population | None:
        """See `gateway.ports.ControlPort`."""
        rules = self.catalog().loyalty
        counters = {level: tally_name(LEVEL, level) for level in (rules.rungs if rules is not None else ())}
        try:
            counted = await self._store.tallies((PLAYERS, POINTS, *counters.values()))
        except StoreError as failure:
            log.warning("players, points and levels can't be read: %s", failure)
            return None
        levels = {level: counted[counter] for level, counter in counters.items()}
        return Population(counted[PLAYERS], counted[POINTS], levels)

    # --- sandbox

    async def advance_clock(self, seconds: int, command_id: str) -> SandboxClock | KeyTaken | TimeEnds:
        """See `gateway.ports.ControlPort`."""
        asked = AdvanceClock(seconds * 1000, keyed(command_id, f"advance {seconds}"))
        answer = await self._ask_supervisor(asked, CLOCK_TIMEOUT_S)
        if isinstance(answer, KeyIsTaken):
            return KeyTaken()
        if isinstance(answer, TimeHasEnd):
            return TimeEnds(answer.left_ms // 1000)
        if not isinstance(answer, ClockSet):
            raise ControlUnavailable(_reason(answer))
        return SandboxClock(answer.now_ms, answer.offset_ms, answer.replayed)

    async def _ask_supervisor(self, body: ControlBody, timeout_s: float) -> ControlAnswer:
        routing = self._client.routing
        try:
            return await self._client.control(routing.supervisor if routing else None, body, timeout_s)
        except (OSError, TimeoutError) as failure:
            raise ControlUnavailable(
                f"the supervisor does not answer: {failure or type(failure).__name__}"
            ) from failure


def _deploying(files: Mapping[str, bytes]) -> str:
    """The content of a request to deploy. Every byte that was sent counts."""
    return f"deploy {content_hash(files)}"


def _deployed(answer: InShards) -> Deployed:
    return Deployed(answer.version, answer.number, msgspec.json.decode(answer.diff), answer.replayed)


def _reason(answer: ControlAnswer) -> str:
    return answer.reason if isinstance(answer, Failed) else f"unexpected answer {type(answer).__name__}"


def _findings(problems: tuple[Problem, ...]) -> tuple[Finding, ...]:
    return tuple(Finding(problem.file, problem.line, problem.reason) for problem in problems)

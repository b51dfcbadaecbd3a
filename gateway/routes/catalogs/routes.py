"""The catalog as a whole: which one is in force, and putting another one in force. Roles are checked file by file."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.responses import Response

from gateway.access.admission import forbidden
from gateway.access.auth import Caller
from gateway.access.roles import DEPLOYERS, PEOPLE, Role, deployer
from gateway.declaring import CONTROL, Routes
from gateway.documents.values import rfc3339
from gateway.four_eyes.approvals import Waiting
from gateway.http.errors import Refused, key_taken
from gateway.ports import Checked, ControlPort, ControlUnavailable, Deployed, Finding, InForce, KeyTaken, Overtaken
from gateway.routes.call import Call, ThisCall, answer
from gateway.routes.catalogs.bundles import CatalogBundle, parse_bundle
from gateway.routes.catalogs.schemas import CatalogJson, CheckedJson, DeployedJson, FindingJson
from gateway.routes.second_person import performs, wait

routes = Routes()

DEPLOY: Final = "POST /catalog/deploy"
DEPLOY_TRIES: Final = 5
"""How often a deploy is compared anew before its caller is asked to repeat it later."""
PROBLEMS_MAX: Final = 200
"""How many of a catalog's problems are listed. If there are more, many have one cause."""


@routes.read("GET /catalog", roles=PEOPLE, answers=CatalogJson, asks_player=False)
async def in_force(call: ThisCall) -> Response:
    """The catalog in force: version, number, since when, by whom."""
    call.admit()
    live = call.parts.control.in_force()
    return answer(CatalogJson(live.version, live.number, rfc3339(live.at_ms), live.by))


@routes.read(
    "POST /catalog/check",
    roles=DEPLOYERS,
    answers=CheckedJson,
    refuses=CONTROL,
    asks_player=False,
    body=CatalogBundle,
    form=True,
)
async def check(call: ThisCall) -> Response:
    """Checks a whole catalog, sent as JSON or as a form. Nothing changes."""
    files = parse_bundle(call.headers, call.body)
    call.admit()
    checked = await call.parts.control.check(files)
    return answer(CheckedJson(_listed(checked.problems), _listed(checked.warnings)))


@routes.change(
    DEPLOY,
    roles=DEPLOYERS,
    answers=DeployedJson,
    refuses=("catalog_invalid", *CONTROL),
    asks_player=False,
    body=CatalogBundle,
    form=True,
    may_wait=True,
)
async def deploy(call: ThisCall) -> Response:
    """Checks a whole catalog, then puts it in force in every shard at once."""
    files = parse_bundle(call.headers, call.body)
    caller = call.admit()
    command_id = call.command_id(caller)
    await call.ask_first(wanted={"files": sorted(files)})
    return await _deploy_once(call, caller, command_id, files)


@performs(DEPLOY)
async def _perform(call: Call, caller: Caller, command_id: str) -> Response:
    files = parse_bundle(call.headers, call.body)
    await call.ask_first(wanted={"files": sorted(files)})
    return await _deploy_once(call, caller, command_id, files)


async def _deploy_once(call: Call, caller: Caller, command_id: str, files: Mapping[str, bytes]) -> Response:
    control = call.parts.control
    former = control.in_force()
    outcome: Deployed | KeyTaken | _TwoPersons | None = await control.deployed(files, command_id)
    if outcome is None:
        outcome = await _deploy(control, files, caller, command_id, call.proposal)
    if isinstance(outcome, KeyTaken):
        raise key_taken()
    if isinstance(outcome, _TwoPersons):
        return await wait(call, caller, command_id, outcome.why, outcome.roles, outcome.base)
    call.tell(*_told(former, outcome), subject=outcome.version, replayed=outcome.replayed)
    return answer(DeployedJson(outcome.version, outcome.number, dict(outcome.diff), outcome.replayed))


def _told(former: InForce, deployed: Deployed) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Before and after, for the control log."""
    before = {"version": former.version, "number": former.number, "by": former.by}
    return before, {"version": deployed.version, "number": deployed.number, "diff": dict(deployed.diff)}


class _TwoPersons(NamedTuple):
    """Nothing was deployed: somebody else with all these roles must approve it, while `base` is in force."""

    why: str
    roles: frozenset[Role]
    base: int


async def _deploy(
    control: ControlPort, files: Mapping[str, bytes], caller: Caller, command_id: str, approved: Waiting | None
) -> Deployed | KeyTaken | _TwoPersons:
    """Judges the caller by what `files` change, then deploys. If another deploy came in between, it judges anew.

    What was `approved` is deployed only over the catalog that it was compared with. Raises Refused, ControlUnavailable.
    """
    for _ in range(DEPLOY_TRIES):
        checked = await control.check(files)
        _check_deployer(caller, checked.changed_files)
        if checked.problems:
            raise _invalid(checked)
        if checked.two_persons and approved is None:
            roles = frozenset(role for name in checked.changed_files if (role := deployer(name)) is not None)
            return _TwoPersons(checked.two_persons, roles, checked.base)
        if approved is not None and checked.base != approved.summary.base:
            raise Refused("invalid_state", "Another catalog came into force since this was proposed: propose it anew.")
        outcome = await control.deploy(files, caller.id, checked.base, command_id)
        if isinstance(outcome, Checked):
            raise _invalid(outcome)
        if not isinstance(outcome, Overtaken):
            return outcome
    raise ControlUnavailable(
        f"Nothing was deployed: another catalog came into force {DEPLOY_TRIES} times meanwhile. Repeat with the key."
    )


def _check_deployer(caller: Caller, changed_files: tuple[str, ...]) -> None:
    """Raises Refused `forbidden` for the first changed file that none of the caller's roles may deploy."""
    for name in changed_files:
        role: Role | None = deployer(name)
        if role not in caller.roles:
            shown = ascii(name[:128])[1:-1]
            detail = f"{shown} differs from the catalog in force, and is deployed by {role or 'nobody'}."
            raise forbidden(caller, DEPLOY, detail, shown)


def _invalid(checked: Checked) -> Refused:
    count = len(checked.problems)
    listed = [finding._asdict() for finding in checked.problems[:PROBLEMS_MAX]]
    detail = f"The catalog has {count} problem{'s' if count > 1 else ''}; the one in force stays."
    return Refused("catalog_invalid", detail, {"errors": listed})


def _listed(findings: tuple[Finding, ...]) -> list[FindingJson]:
    return [FindingJson(*finding) for finding in findings[:PROBLEMS_MAX]]

"""The catalog as a whole: in force, checked, deployed, and by whom which file."""

import logging
from typing import Any

import pytest

from gateway.access.roles import ROLES, Role, deployer
from gateway.ports import Checked, ControlUnavailable, Finding, KeyTaken, Overtaken
from tests.support.gateway_doubles import DEPLOYED, SOUND, RoleAuth, ScriptedControl, app_with, calling, send

PROBLEM = Finding("campaigns/a.yaml", 7, "write `multiplier` in quotes")
WARNING = Finding("locales/sv.json", 1, "there is no text `campaign.a.name`; players read it in English")
KEY = {"idempotency-key": "k1"}
FILES = {"games.yaml": "games: {}", "locales/en.json": "{}"}
AS_BYTES = {"games.yaml": b"games: {}", "locales/en.json": b"{}"}


async def test_the_catalog_in_force() -> None:
    async with calling(app_with()) as client:
        answer = (await client.get("/catalog")).json()
    assert answer == {"version": "5f3a", "number": 7, "at": "2026-01-01T00:00:00.000Z", "by": "ann"}


async def test_a_check_lists_problems_and_warnings_and_changes_nothing() -> None:
    control = ScriptedControl(Checked((PROBLEM,), (WARNING,), ("campaigns/a.yaml",), 7))
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/check", json={"files": FILES})
    assert (response.status_code, control.bundles, control.deploys) == (200, [AS_BYTES], [])
    assert response.json() == {"problems": [PROBLEM._asdict()], "warnings": [WARNING._asdict()]}


async def test_a_thousand_problems_have_one_cause() -> None:
    control = ScriptedControl(Checked((PROBLEM,) * 1_000, (), (), 7))
    async with calling(app_with(control=control)) as client:
        checked = await client.post("/catalog/check", json={"files": FILES})
        refused = await client.post("/catalog/deploy", json={"files": FILES}, headers=KEY)
    assert (len(checked.json()["problems"]), len(refused.json()["errors"])) == (200, 200)
    assert refused.json()["detail"] == "The catalog has 1000 problems; the one in force stays."


async def test_a_deploy_answers_version_and_difference() -> None:
    control = ScriptedControl()
    headers = {"x-api-key": "ann", **KEY}
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/deploy", json={"files": FILES}, headers=headers)
    assert (response.status_code, control.deploys) == (200, [(AS_BYTES, "ann", "ann:k1")])
    assert response.json() == {"version": "77aa", "number": 8, "diff": dict(DEPLOYED.diff), "replayed": False}


async def test_a_deploy_needs_a_key() -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        response = await send(client, "POST /catalog/deploy", key=None)
    assert (response.status_code, response.json()["code"], control.deploys) == (400, "idempotency_key_required", [])


async def test_a_repeated_deploy_is_answered_before_it_is_judged_again() -> None:
    """Another deploy may have come in between: the caller's role has no say in what that changed."""
    first = DEPLOYED._replace(replayed=True)
    control = ScriptedControl(Checked((PROBLEM,), (), ("games.yaml",), 9), first=first)
    async with calling(app_with(auth=RoleAuth("marketing_manager"), control=control)) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, response.json()["replayed"], response.json()["number"]) == (200, True, 8)
    assert control.deploys == []


@pytest.mark.parametrize("control", [ScriptedControl(first=KeyTaken()), ScriptedControl(outcome=KeyTaken())])
async def test_a_key_stands_for_one_catalog(control: ScriptedControl) -> None:
    async with calling(app_with(control=control)) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")


class Overtaking(ScriptedControl):
    """Somebody else deploys each time just before this one would be put in force, `times` times."""

    def __init__(self, times: int, then: Checked) -> None:
        super().__init__()
        self._left, self._then = times, then
        self.bases: list[int | None] = []

    async def deploy(self, files: Any, by: str, base: int | None = None, command_id: str = "") -> Any:
        self.bases.append(base)
        if not self._left:
            return await super().deploy(files, by, base, command_id)
        self._left -= 1
        number = self.checked.base + 1
        self.checked = self._then._replace(base=number)
        return Overtaken(number)


async def test_an_overtaken_deploy_is_compared_with_what_is_in_force_now() -> None:
    control = Overtaking(2, SOUND)
    async with calling(app_with(control=control)) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, control.bases, len(control.deploys)) == (200, [7, 8, 9], 1)


async def test_roles_are_judged_by_what_is_in_force_when_it_is_deployed() -> None:
    """Operations deploy games.yaml in between: marketing's older copy of it would take that back."""
    control = Overtaking(1, Checked((), (), ("campaigns/a.yaml", "games.yaml"), 8))
    async with calling(app_with(auth=RoleAuth("marketing_manager"), control=control)) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, response.json()["code"], control.deploys) == (403, "forbidden", [])
    assert "games.yaml" in response.json()["detail"]


async def test_who_is_overtaken_again_and_again_is_asked_to_come_again() -> None:
    control = Overtaking(100, SOUND)
    async with calling(app_with(control=control)) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, response.json()["code"], len(control.bases)) == (503, "outcome_unknown", 5)
    assert (response.json()["retryable"], response.headers["retry-after"]) == (True, "1")
    assert response.json()["detail"].startswith("Nothing was deployed: another catalog came into force 5 times")


@pytest.mark.parametrize("path", ["/catalog/check", "/catalog/deploy"])
async def test_a_form_will_do(path: str) -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        parts = [(name, (name, content)) for name, content in AS_BYTES.items()]
        response = await client.post(path, files=parts, headers=KEY)
    assert (response.status_code, control.bundles) == (200, [AS_BYTES])


async def test_problems_found_only_while_deploying() -> None:
    """The catalog in force may be another one by then."""
    control = ScriptedControl(outcome=Checked((PROBLEM,), (), (), 7))
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/deploy", json={"files": FILES}, headers=KEY)
    assert (response.status_code, response.json()["code"]) == (409, "catalog_invalid")
    assert response.json()["detail"] == "The catalog has 1 problem; the one in force stays."


WHOSE: dict[str, Role] = {
    "levels.yaml": "loyalty_admin",
    "campaigns/a.yaml": "marketing_manager",
    "workflows/standard.yaml": "marketing_manager",
    "locales/en.json": "marketing_manager",
    "platform.yaml": "ops",
    "games.yaml": "ops",
    "fraud.yaml": "ops",
}


@pytest.mark.parametrize("file", WHOSE)
@pytest.mark.parametrize("role", ["loyalty_admin", "marketing_manager", "ops"])
async def test_who_may_deploy_which_file(file: str, role: Role, caplog: pytest.LogCaptureFixture) -> None:
    """Broken or not: whoever may not change a file is not told more about it."""
    control = ScriptedControl(Checked((), (WARNING,), (file,), 7))
    with caplog.at_level(logging.WARNING, "croupier.audit"):
        async with calling(app_with(auth=RoleAuth(role), control=control)) as client:
            response = await send(client, "POST /catalog/deploy")
    if WHOSE[file] == role:
        assert (response.status_code, len(control.deploys)) == (200, 1)
        return
    assert (response.status_code, response.json()["code"], control.deploys) == (403, "forbidden", [])
    assert response.json()["detail"] == f"{file} differs from the catalog in force, and is deployed by {WHOSE[file]}."
    assert f"caller=tester roles={role} route=POST /catalog/deploy {file}" in caplog.text


async def test_two_roles_deploy_what_both_changed() -> None:
    control = ScriptedControl(Checked((), (), ("campaigns/a.yaml", "games.yaml"), 7))
    async with calling(app_with(auth=RoleAuth("ops"), control=control)) as client:
        alone = await send(client, "POST /catalog/deploy")
    async with calling(app_with(auth=RoleAuth("ops", "marketing_manager"), control=control)) as client:
        both = await send(client, "POST /catalog/deploy")
    assert (alone.status_code, both.status_code, len(control.deploys)) == (403, 200, 1)
    assert "campaigns/a.yaml" in alone.json()["detail"]


@pytest.mark.parametrize("file", ["", "other.yaml", "campaigns", "Games.yaml", "../games.yaml", "schema/a.json"])
async def test_a_file_no_catalog_has_is_nobodys(file: str) -> None:
    assert deployer(file) is None
    control = ScriptedControl(Checked((), (), (file,), 7))
    async with calling(app_with(auth=RoleAuth(*ROLES), control=control)) as client:
        assert (await send(client, "POST /catalog/deploy")).status_code == 403


async def test_nobody_in_control() -> None:
    class Silent(ScriptedControl):
        async def deploy(self, files: Any, by: str, base: int | None = None, command_id: str = "") -> Any:
            raise ControlUnavailable("The supervisor did not answer within 10 s.")

    async with calling(app_with(control=Silent())) as client:
        response = await send(client, "POST /catalog/deploy")
    assert (response.status_code, response.json()["code"]) == (503, "outcome_unknown")
    assert response.headers["retry-after"] == "1"


PATHS = ["/catalog/check", "/catalog/deploy"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"", None, 400, "invalid_request"),
        (b"{", "application/json", 400, "invalid_request"),
        (b'{"files":{"a":1}}', "application/json", 400, "invalid_request"),
        (b"--x--\r\n", "multipart/form-data", 400, "invalid_request"),
        (b"games: {}", "application/yaml", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"x" * 4_194_305, "application/json", 413, "body_too_large"),
    ],
)
async def test_odd_bundles(path: str, content: bytes, content_type: str | None, status: int, code: str) -> None:
    control = ScriptedControl()
    headers = {} if content_type is None else {"content-type": content_type}
    async with calling(app_with(control=control)) as client:
        response = await client.post(path, content=content, headers=headers)
    assert (response.status_code, response.json()["code"], control.bundles) == (status, code, [])


@pytest.mark.parametrize("path", PATHS)
async def test_four_megabytes_are_a_catalog(path: str) -> None:
    control = ScriptedControl()
    body = b'{"files":{"games.yaml":"' + b"#" * (4_194_304 - 27) + b'"}}'
    async with calling(app_with(control=control)) as client:
        response = await client.post(path, content=body, headers={"content-type": "application/json", **KEY})
    assert (len(body), response.status_code, len(control.bundles)) == (4_194_304, 200, 1)

"""The catalog as a whole: in force, checked, deployed, and by whom which file."""

import logging
from typing import Any

import pytest

from gateway.ports import Checked, ControlUnavailable, Deployed, Finding
from gateway.roles import ROLES, Role, deployer
from tests.unit.gateway.doubles import DEPLOYED, RoleAuth, ScriptedControl, app_with, calling, send

PROBLEM = Finding("campaigns/a.yaml", 7, "write `multiplier` in quotes")
WARNING = Finding("locales/sv.json", 1, "there is no text `campaign.a.name`; players read it in English")
FILES = {"games.yaml": "games: {}", "locales/en.json": "{}"}
AS_BYTES = {"games.yaml": b"games: {}", "locales/en.json": b"{}"}


async def test_the_catalog_in_force() -> None:
    async with calling(app_with()) as client:
        answer = (await client.get("/catalog")).json()
    assert answer == {"version": "5f3a", "number": 7, "at": "2026-01-01T00:00:00.000Z", "by": "ann"}


async def test_a_check_lists_problems_and_warnings_and_changes_nothing() -> None:
    control = ScriptedControl(Checked((PROBLEM,), (WARNING,), ("campaigns/a.yaml",)))
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/check", json={"files": FILES})
    assert (response.status_code, control.bundles, control.deployed) == (200, [AS_BYTES], [])
    assert response.json() == {"problems": [PROBLEM._asdict()], "warnings": [WARNING._asdict()]}


async def test_a_thousand_problems_have_one_cause() -> None:
    control = ScriptedControl(Checked((PROBLEM,) * 1_000, (), ()))
    async with calling(app_with(control=control)) as client:
        checked = await client.post("/catalog/check", json={"files": FILES})
        refused = await client.post("/catalog/deploy", json={"files": FILES})
    assert (len(checked.json()["problems"]), len(refused.json()["errors"])) == (200, 200)
    assert refused.json()["detail"] == "The catalog has 1000 problems; the one in force stays."


@pytest.mark.parametrize("key", [None, "k1"])
async def test_a_deploy_answers_version_and_difference(key: str | None) -> None:
    control = ScriptedControl()
    headers = {"x-api-key": "ann"} | ({} if key is None else {"idempotency-key": key})
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/deploy", json={"files": FILES}, headers=headers)
    assert (response.status_code, control.deployed) == (200, [(AS_BYTES, "ann")])
    assert response.json() == {"version": "77aa", "number": 8, "diff": dict(DEPLOYED.diff)}


@pytest.mark.parametrize("path", ["/catalog/check", "/catalog/deploy"])
async def test_a_form_will_do(path: str) -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        response = await client.post(path, files=[(name, (name, content)) for name, content in AS_BYTES.items()])
    assert (response.status_code, control.bundles) == (200, [AS_BYTES])


async def test_problems_found_only_while_deploying() -> None:
    """The catalog in force may be another one by then."""
    control = ScriptedControl(deployed=Checked((PROBLEM,), (), ()))
    async with calling(app_with(control=control)) as client:
        response = await client.post("/catalog/deploy", json={"files": FILES})
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
    control = ScriptedControl(Checked((), (WARNING,), (file,)))
    with caplog.at_level(logging.WARNING, "croupier.audit"):
        async with calling(app_with(auth=RoleAuth(role), control=control)) as client:
            response = await send(client, "POST /catalog/deploy")
    if WHOSE[file] == role:
        assert (response.status_code, len(control.deployed)) == (200, 1)
        return
    assert (response.status_code, response.json()["code"], control.deployed) == (403, "forbidden", [])
    assert response.json()["detail"] == f"{file} differs from the catalog in force, and is deployed by {WHOSE[file]}."
    assert f"caller=tester roles={role} route=POST /catalog/deploy {file}" in caplog.text


async def test_two_roles_deploy_what_both_changed() -> None:
    control = ScriptedControl(Checked((), (), ("campaigns/a.yaml", "games.yaml")))
    async with calling(app_with(auth=RoleAuth("ops"), control=control)) as client:
        alone = await send(client, "POST /catalog/deploy")
    async with calling(app_with(auth=RoleAuth("ops", "marketing_manager"), control=control)) as client:
        both = await send(client, "POST /catalog/deploy")
    assert (alone.status_code, both.status_code, len(control.deployed)) == (403, 200, 1)
    assert "campaigns/a.yaml" in alone.json()["detail"]


@pytest.mark.parametrize("file", ["", "other.yaml", "campaigns", "Games.yaml", "../games.yaml", "schema/a.json"])
async def test_a_file_no_catalog_has_is_nobodys(file: str) -> None:
    assert deployer(file) is None
    control = ScriptedControl(Checked((), (), (file,)))
    async with calling(app_with(auth=RoleAuth(*ROLES), control=control)) as client:
        assert (await send(client, "POST /catalog/deploy")).status_code == 403


async def test_nobody_in_control() -> None:
    class Silent(ScriptedControl):
        async def deploy(self, files: Any, by: str) -> Deployed | Checked:
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
        response = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert (len(body), response.status_code, len(control.bundles)) == (4_194_304, 200, 1)

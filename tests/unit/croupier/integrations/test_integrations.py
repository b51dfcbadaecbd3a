"""integrations.yaml: what is wrong with it is said by file and line, in the words of whoever wrote it."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from croupier.cli import main
from croupier.integrations import IntegrationsInvalid, check_file, load_integrations
from croupier.integrations.plans import FACTORIES, archive_of, default_archive, reader_plans
from croupier.integrations.schema import FILE, schema_text
from croupier.running.up import bus_in, integrations_of
from croupier.settings import Settings
from feeds.integrations import Integrations

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "integrations.example.yaml"
SECRETS = (
    "ARCHIVE_ACCESS_KEY_ID",
    "ARCHIVE_SECRET_ACCESS_KEY",
    "ARCHIVE_KEY",
    "AUDIT_KEY",
    "REGULATOR_SECRET",
    "KAFKA_PASSWORD",
    "WEBHOOK_PMS_SECRET",
    "WEBHOOK_LEDGER_SECRET",
    "PAM_TOKEN",
    "SMTP_PASSWORD",
    "SMS_URL",
    "UNSUBSCRIBE_KEY",
)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "whsec_not-shown")


def problems_of(folder: Path, text: str) -> list[str]:
    path = folder / "integrations.yaml"
    path.write_text(text)
    checked = check_file(path)
    return [f"{problem.line}: {problem.reason}" for problem in (*checked.problems, *checked.missing)]


def test_the_example_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["integrations", "check", str(EXAMPLE)]) == 0
    sections = ", ".join(name for name in Integrations.__struct_fields__)
    assert capsys.readouterr().out == f"{EXAMPLE}: fine; {sections}\n"


def test_every_section_of_the_example_is_used_by_the_processes() -> None:
    found = load_integrations(EXAMPLE, with_secrets=True)
    assert found.bus is not None and found.bus.brokers == ("kafka-1.example.com:9093", "kafka-2.example.com:9093")
    assert found.webhooks is not None and found.webhooks.endpoints["ledger"].delivers == "every"
    assert names_of(found) == list(FACTORIES)


MISTAKES = [
    ("bus:\n  brokers: [kafka-1]\n", "2: `kafka-1` is not HOST:PORT"),
    ("bus:\n  brokers: [k:1]\n  tsl: true\n", "3: unknown field `tsl` (did you mean `tls`?)"),
    ("bus:\n  tls: true\n", "2: the field `brokers` is missing"),
    ("bus:\n  brokers: []\n", "2: at least 1 is due here"),
    ("bus:\n  brokers: [k:1]\n  linger_ms: 5000\n", "3: 5000 is not between 0 and 1000"),
    ("bus:\n  brokers: [k:1]\n  linger_ms: '5'\n", "3: a whole number is due here; write 5 without quotes"),
    ("bus:\n  brokers: [k:1]\n  connect_timeout_s: 0\n", "3: 0 is not at least 0.1 and at most 120"),
    ("bus:\n  brokers: [k:1]\n  connect_timeout_s: soon\n", "3: a number is due here, like 2.5"),
    ("bus:\n  brokers: [k:1]\n  topic: a\n  topics: {bets: b}\n", "2: names both topic and topics"),
    ("bus:\n  brokers: [k:1]\n  ca_file: x\n", "3: ca_file is given, but tls is off"),
    ("bus:\n  brokers: [k:1]\n  brokers: [k:2]\n", "3: `brokers` is written twice, the first time in line 2"),
    ("buss: {}\n", "1: unknown field `buss` (did you mean `bus`?)"),
    ("bus_in:\n  brokers: [k:1]\n  first_start: now\n  topics: []\n", "3: `now` is not known here"),
    ("webhooks:\n  endpoints:\n    pms:\n      url: ftp://x\n      secrets: [{env: KAFKA_PASSWORD}]\n",
     "4: url must begin with https:// and name a host"),
    ("- bus\n", "1: a group of fields is due here"),
    ("", "1: the file is empty"),
    ("bus: {\n", "2: this is not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, text: str, expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems_of(tmp_path, text)), problems_of(tmp_path, text)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "bus:\n  brokers: [k]\n  linger_ms: -1\nwebhooks:\n  endpoints: {PMS: {url: x, secrets: []}}\n"
    assert [problem.partition(":")[0] for problem in problems_of(tmp_path, text)] == ["2", "3", "5", "5"]


WRITTEN_OUT = [
    "password: hunter2",
    "password: [hunter2]",
    "password: {value: 1, secret: hunter2}",
    'password: {env: "hunter2 "}',
    'password: {env: "hunter2!"}',
]


@pytest.mark.parametrize("password", WRITTEN_OUT)
def test_a_secret_that_was_written_out_is_refused_and_not_shown(tmp_path: Path, password: str) -> None:
    found = problems_of(tmp_path, f"bus:\n  brokers: [k:1]\n  login:\n    user: u\n    {password}\n")
    assert found and all(problem.startswith("5: ") for problem in found)
    assert "hunter2" not in "".join(found)


def test_a_secret_that_is_not_there_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_PASSWORD")
    path = tmp_path / "integrations.yaml"
    path.write_text("bus:\n  brokers: [k:1]\n  login: {user: u, password: {env: KAFKA_PASSWORD}}\n")
    with pytest.raises(IntegrationsInvalid, match=":3: environment variable KAFKA_PASSWORD is not set or empty"):
        load_integrations(path, with_secrets=True)
    elsewhere = load_integrations(path, with_secrets=False)
    assert elsewhere.bus is not None  # the processes run on other machines, which may have it


@pytest.mark.parametrize("content", [b"\xff", b"bus: \x00", b"&a [*a]", b"a: &a {b: *a}", b"[" * 20_000])
def test_bytes_that_are_no_settings_are_a_problem_of_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "integrations.yaml"
    path.write_bytes(content)
    assert check_file(path).problems


def test_a_file_that_is_not_there_or_too_large_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "integrations.yaml"
    assert main(["integrations", "check", str(path)]) == 1
    assert capsys.readouterr().out == f"{path}:1: the file can't be read: No such file or directory\n"
    path.write_bytes(b"#" * 1_048_577)
    assert [problem.reason for problem in check_file(path).problems] == ["the file is larger than 1048576 bytes"]
    assert [problem.reason for problem in check_file(tmp_path).problems] == ["this is not a file"]


def test_without_a_file_the_command_asks_for_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROUPIER_INTEGRATIONS", raising=False)
    assert main(["integrations", "check"]) == 2
    assert "name the file: croupier integrations check FILE" in capsys.readouterr().err


def names_of(integrations: Integrations, **options: Any) -> list[str]:
    """The readers that run."""
    settings = Settings(**{"store": "redis://localhost", "catalog": ROOT / "catalog"} | options)
    archive = archive_of(integrations, settings, {"HOME": "/home/ops"})
    return [plan.name for plan in reader_plans(integrations, archive, settings.store)]


def test_the_archive_is_on_by_default_on_one_machine() -> None:
    nothing = Integrations()
    assert names_of(nothing) == names_of(nothing, store="sqlite:/data/croupier") == ["archive"]
    assert names_of(nothing, no_archive=True) == names_of(nothing, ray_address="node:6379") == []
    assert default_archive("sqlite:/data/croupier", {}).place.url == "/data/croupier/archive"
    of_redis = default_archive("redis://localhost", {"XDG_STATE_HOME": "/state"}).place.url
    assert of_redis.startswith("/state/croupier/archive-of-") and of_redis.endswith("/archive")


def test_no_archive_is_stronger_than_the_file() -> None:
    found = load_integrations(EXAMPLE, with_secrets=True)
    assert "archive" not in names_of(found, no_archive=True)


def test_up_refuses_a_file_with_mistakes_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "integrations.yaml"
    path.write_text("buss: {}\n")
    assert main(["up", "--store", f"sqlite:{tmp_path / 'store'}", "--integrations", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"{path}:1: unknown field `buss` (did you mean `bus`?)" in said
    assert "the integrations can't be used: 1 problem(s), listed above" in said
    assert not (tmp_path / "store").exists()


def test_secrets_of_a_ray_cluster_are_not_looked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_PASSWORD")
    here = Settings(store="redis://localhost", catalog=ROOT / "catalog", integrations=EXAMPLE)
    with pytest.raises(IntegrationsInvalid, match="KAFKA_PASSWORD is not set"):
        integrations_of(here)
    assert integrations_of(msgspec.structs.replace(here, ray_address="head:6380")).bus is not None


def test_the_bus_in_is_left_to_others_on_request() -> None:
    found = load_integrations(EXAMPLE, with_secrets=True)
    settings = Settings(store="redis://localhost", catalog=ROOT / "catalog", integrations=EXAMPLE)
    assert bus_in(settings, found)._count == 1
    assert bus_in(msgspec.structs.replace(settings, no_bus_in=True), found)._count == 0


def test_other_readers_find_in_the_archive_what_the_store_has_trimmed() -> None:
    found = load_integrations(EXAMPLE, with_secrets=True)
    settings = Settings(store="redis://localhost", catalog=ROOT / "catalog")
    plans = reader_plans(found, archive_of(found, settings, {}), settings.store)
    assert {plan.name: bool(plan.archive) for plan in plans} == {
        "archive": False,
        "bus": True,
        "webhooks": True,
        "notices": True,
    }


@pytest.mark.parametrize("path", FACTORIES.values())
def test_every_factory_is_there(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_the_schema_is_made_from_the_settings() -> None:
    assert (ROOT / FILE).read_text() == schema_text(), "run python -m croupier.integrations.schema"


@pytest.mark.parametrize(("text", "fine"), [(EXAMPLE.read_text(), True), *((text, False) for text, _ in MISTAKES[:2])])
def test_editors_see_the_same_mistakes(text: str, fine: bool) -> None:
    schema: dict[str, Any] = json.loads(schema_text())
    jsonschema.Draft7Validator.check_schema(schema)
    assert jsonschema.Draft7Validator(schema).is_valid(yaml.safe_load(text)) == fine


def test_fields_are_described_for_editors() -> None:
    schema = json.loads(schema_text())
    assert schema["$defs"]["ArchiveSettings"]["properties"]["spool_bytes_max"]["description"].startswith(
        "When the spool"
    )
    assert all("description" in definition for definition in schema["$defs"].values())

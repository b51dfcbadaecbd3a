"""A candidate catalog sent over HTTP, what it changes, and the folder that is followed."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from croupier.catalog import CatalogInvalid, check_bundle, load_catalog, read_catalog_bundle
from croupier.catalog import folder as catalog_folder
from croupier.catalog.folder import FILE_BYTES_MAX, read_folder
from croupier.catalog.places import Problem
from croupier.deploying.diff import CHANGES_MAX, VALUE_CHARS_MAX, diff
from croupier.deploying.folder_watch import CatalogWatch
from croupier.deploying.sending import diff_lines
from engine.catalog import Catalog, Limits, RoundTimeout
from gateway.texts import Texts
from tests.support.example_catalog import FILES, GOODWILL, LEVELS, SHIPPED

BUNDLE = {name: text.encode() for name, text in FILES.items()}


def test_a_bundle_is_the_folder_it_came_from(folder: Path) -> None:
    catalog, texts = read_catalog_bundle(read_folder(folder))
    assert catalog == load_catalog(folder)
    assert texts.lookup("en", "campaign.welcome.name") == "Welcome"


def test_the_shipped_catalog_travels() -> None:
    catalog = load_catalog(SHIPPED)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(catalog), type=Catalog) == catalog


def test_schemas_in_a_bundle_are_left_out() -> None:
    catalog, _ = read_catalog_bundle(BUNDLE | {"schema/campaign.schema.json": b"{}"})
    assert catalog.version == read_catalog_bundle(BUNDLE)[0].version


@pytest.mark.parametrize(
    "name",
    [
        "../platform.yaml",
        "campaigns/../../etc/passwd.yaml",
        "/etc/passwd",
        "campaigns/a/b.yaml",
        "campaigns\\a.yaml",
        "campaigns/.hidden.yaml",
        "campaigns/a\0.yaml",
        "campaigns/a.yml",
        "locales/de.yaml",
        "schemas.json",
        "",
    ],
)
def test_a_file_that_is_not_part_of_a_catalog_is_refused(name: str) -> None:
    [problem] = check_bundle(BUNDLE | {name: b""}).problems
    assert "this file is not read; known here: platform.yaml" in problem.reason
    assert problem.file.isprintable()


def test_a_bundle_without_its_main_files_says_so() -> None:
    assert [str(problem) for problem in check_bundle({}).problems] == [
        "games.yaml:1: this file is missing",
        "platform.yaml:1: this file is missing",
    ]


def test_a_large_file_is_refused_and_a_large_bundle_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    large = BUNDLE | {"campaigns/welcome.yaml": b"#" * (FILE_BYTES_MAX + 1)}
    assert "this file is too large" in str(check_bundle(large).problems)
    monkeypatch.setattr(catalog_folder, "BUNDLE_BYTES_MAX", 1000)
    with pytest.raises(CatalogInvalid, match=r"bundle:1: all files together have \d+ bytes; at most 1000 are allowed"):
        check_bundle(BUNDLE)


def test_hidden_files_of_editors_are_nobody_s_business(folder: Path) -> None:
    before = load_catalog(folder).version
    (folder / "campaigns/.welcome.yaml.swp").write_bytes(b"\xff")
    (folder / "campaigns/.draft.yaml").write_text("id: draft")
    assert load_catalog(folder).version == before


# --- differences


def changed(**fields: object) -> Catalog:
    """The small catalog with other fields."""
    return msgspec.structs.replace(read_catalog_bundle(BUNDLE)[0], **fields)


def test_no_difference() -> None:
    assert diff(changed(), changed(version="other")) == {"added": [], "removed": [], "changed": [], "left_off": 0}


def test_added_removed_and_changed_are_told_as_the_files_have_them() -> None:
    old = changed()
    welcome = old.campaigns["welcome"]
    assert welcome.wager is not None
    wager = msgspec.structs.replace(welcome.wager, multiplier_micro=37_500_000, max_bet={"EUR": 600})
    campaigns = {
        "welcome": msgspec.structs.replace(
            welcome, wager=wager, valid_to_ms=welcome.valid_to_ms + 1000, limits=Limits(budget_micro_eur=5_000_000)
        ),
        "spring": old.campaigns["goodwill"],
    }
    new = changed(campaigns=campaigns, round_timeout=RoundTimeout(7_200_000, "close"))
    found = diff(old, new, Texts({"en": {"a": "1"}}), Texts({"en": {"a": "2"}, "de": {}}))
    assert found["added"] == ["campaigns.spring", "locales.de"]
    assert found["removed"] == ["campaigns.goodwill"]
    assert [(change["path"], change["from"], change["to"]) for change in found["changed"]] == [
        ("campaigns.welcome.limits.budget_eur", None, "5"),
        ("campaigns.welcome.valid_to", "2037-01-01T00:00:00Z", "2037-01-01T00:00:01Z"),
        ("campaigns.welcome.wager.max_bet.EUR", "500", "600"),
        ("campaigns.welcome.wager.multiplier", "35", "37.5"),
        ("locales.en.a", "1", "2"),
        ("round_timeout.action", None, "close"),
        ("round_timeout.hours", None, "2"),
    ]


LADDER = [
    # what levels.yaml says, what it says instead, and the lines of the difference
    ("onyx, threshold", "ruby, threshold", ["+ levels.ruby", "- levels.onyx"]),
    ('"2500.5"', '"3000"', ["~ levels.gold.threshold_eur: 2500.5 → 3000"]),
    ('"1.1"', '"1.25"', ["~ levels.gold.bonus_multiplier: 1.1 → 1.25"]),
    ('min_rtp: "0.97", ', "", ["~ levels.onyx.min_rtp: 0.97 → –"]),
    ("[cup, lounge]", "[cup]", ['~ levels.onyx.offers: ["cup","lounge"] → ["cup"]']),
    ('live: "2"', 'live: "1"', ["~ points.per_eur.live: 3 → 1.5"]),
    ("months: 6", "months: 12", ["~ points.expire_after_inactive_months: 6 → 12"]),
    ("lock_hours: 48", "lock_hours: 72", ["~ redemption.lock_hours: 48 → 72"]),
    ("valid_days: 14", "valid_days: 30", ["~ redemption.valid_days: 14 → 30"]),
    ("own_level", "previous_level", ["~ downgrade.rule: own_level_threshold → previous_level_threshold"]),
    ('"0.5", valid', '"1", valid', ["~ cashback.wager_multiplier: 0.5 → 1"]),
    ("JPY: 150", "JPY: 200", ["~ cashback.min_amount.JPY: 150 → 200"]),
    ("own_level_threshold, window_days: 60,", "own_level_threshold,", ["~ downgrade.window_days: 60 → 30"]),
]


@pytest.mark.parametrize(("written", "instead", "lines"), LADDER)
def test_what_a_new_levels_file_changes(written: str, instead: str, lines: list[str]) -> None:
    assert written in LEVELS
    new, _ = read_catalog_bundle(BUNDLE | {"levels.yaml": LEVELS.replace(written, instead, 1).encode()})
    assert diff_lines(dict(diff(changed(), new))) == lines


def test_a_levels_file_that_comes_and_goes() -> None:
    without = changed(loyalty=None)
    found = diff(without, changed())
    assert found["added"] == ["levels.gold", "levels.onyx", "levels.silver"]
    told = {change["path"]: change["to"] for change in found["changed"]}
    assert told["points.per_eur.table"] == "0.75"
    assert told["redemption.points_per_eur"] == "50"
    assert told["cashback.min_amount.EUR"] == "100"
    gone = diff(changed(), without)
    assert (gone["added"], gone["removed"]) == ([], found["added"])
    assert {change["path"]: change["from"] for change in gone["changed"]} == told


def test_a_difference_is_bounded() -> None:
    one = changed().campaigns["goodwill"]
    found = diff(changed(), changed(campaigns={f"c{n}": one for n in range(CHANGES_MAX + 7)}))
    assert (len(found["added"]), found["left_off"]) == (CHANGES_MAX, 7)
    [long] = diff(changed(), changed(dedicated_players=("x" * 1000,)))["changed"]
    assert long["to"] is not None
    assert (len(long["to"]), long["to"][-1]) == (VALUE_CHARS_MAX, "…")


# --- the folder that is followed


class Follower:
    """Looks at a folder by hand; remembers what was deployed and refused."""

    def __init__(self, folder: Path) -> None:
        self.deployed: list[str] = []
        self.refused: list[str] = []
        self.followed: list[str] = []
        self.unreachable = False
        self.answer: Sequence[Problem] = ()
        self.watch = CatalogWatch(
            folder, load_catalog(folder).version, self.deploy, self.note_refused, self.followed.append
        )

    def deploy(self, files: Mapping[str, bytes]) -> None:
        if self.unreachable:
            raise ConnectionRefusedError("nobody there")
        if self.answer:
            raise CatalogInvalid(self.answer)
        self.deployed.append(read_catalog_bundle(files)[0].version)

    def note_refused(self, problems: Sequence[Problem]) -> None:
        self.refused.append(str(problems[0]))

    def look(self, times: int) -> None:
        for _ in range(times):
            self.watch.look()


CHEAPER = GOODWILL.replace('"10"', '"9"')


def test_a_change_is_deployed_once_when_two_looks_agree(folder: Path) -> None:
    follower = Follower(folder)
    follower.look(3)
    assert follower.deployed == []
    (folder / "campaigns/goodwill.yaml").write_text(CHEAPER)
    follower.look(1)
    assert follower.deployed == []
    follower.look(5)
    assert follower.deployed == follower.followed == [load_catalog(folder).version]


def test_a_folder_that_keeps_changing_is_not_deployed(folder: Path) -> None:
    follower = Follower(folder)
    for n in range(5):
        (folder / "campaigns/goodwill.yaml").write_text(CHEAPER + f"# {n}\n")
        follower.look(1)
    assert follower.deployed == []
    follower.look(1)
    assert len(follower.deployed) == 1


def test_a_broken_catalog_is_refused_once_and_the_next_good_one_deployed(folder: Path) -> None:
    follower = Follower(folder)
    (folder / "campaigns/goodwill.yaml").write_text(GOODWILL.replace("manual", "manuel"))
    follower.look(5)
    assert follower.deployed == []
    [refused] = follower.refused
    assert refused.startswith("campaigns/goodwill.yaml:3: `manuel` is not known here")
    (folder / "campaigns/goodwill.yaml").write_text(CHEAPER)
    follower.look(2)
    assert (len(follower.deployed), len(follower.refused)) == (1, 1)


def test_a_file_that_is_not_read_is_refused_too(folder: Path) -> None:
    follower = Follower(folder)
    (folder / "campaigns/spring.yml").write_text("id: spring")
    follower.look(3)
    assert [reason.partition(":")[0] for reason in follower.refused] == ["campaigns/spring.yml"]


def test_a_folder_that_is_gone_is_refused_and_taken_up_again(folder: Path) -> None:
    follower = Follower(folder)
    folder.rename(folder.with_name("away"))
    follower.look(3)
    assert len(follower.refused) == 1
    folder.with_name("away").rename(folder)
    follower.look(3)
    assert follower.followed == [load_catalog(folder).version]


def test_a_server_that_refuses_is_believed_and_one_that_does_not_answer_is_asked_again(folder: Path) -> None:
    follower = Follower(folder)
    follower.unreachable = True
    (folder / "campaigns/goodwill.yaml").write_text(CHEAPER)
    follower.look(4)
    assert (follower.deployed, follower.refused) == ([], [])
    follower.unreachable, follower.answer = False, [Problem("levels.yaml", 1, "no")]
    follower.look(4)
    assert (follower.deployed, follower.refused) == ([], ["levels.yaml:1: no"])


def test_the_watch_runs_until_it_is_stopped(folder: Path) -> None:
    stop, seen = threading.Event(), threading.Event()
    watch = CatalogWatch(folder, "another version", lambda _: None, lambda _: None, lambda _: seen.set())
    thread = threading.Thread(target=watch.run, args=(stop, 0.005))
    thread.start()
    assert seen.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()

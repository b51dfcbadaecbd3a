"""The catalog on disk or in a bundle: every file of it, read, checked and put together.

`load_catalog` answers a checked catalog, or raises `CatalogInvalid` with all problems and not only the first one;
`check_folder` and `check_bundle` answer problems and warnings alike.

`folder` and `places` know the files and their lines; `readers` make a catalog from them. Deploying, translations, the
processes and the command line call this package.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from actors.host.clock import now_ms
from croupier.catalog.folder import FRAUD, GAMES, LEVELS, PLATFORM, note_missing, read_folder, take_bundle
from croupier.catalog.places import Place, Problem, parse
from croupier.catalog.problems import CatalogInvalid, Checked
from croupier.catalog.reach import warn_of_unreachable
from croupier.catalog.readers.campaigns import ReadCampaign, check_codes, read_campaign
from croupier.catalog.readers.fraud import read_fraud
from croupier.catalog.readers.levels import ReadLevels, read_levels
from croupier.catalog.readers.locales import compare_texts, needed_texts, read_locales
from croupier.catalog.readers.notices import check_notices, missing_notices
from croupier.catalog.readers.platform import Platform, read_games, read_platform
from croupier.catalog.readers.values import Vocabulary
from croupier.catalog.readers.workflows import read_workflows
from croupier.catalog.sense import check_sense, sound_basis, sound_campaigns
from engine.amounts import MICRO
from engine.catalog import Catalog, FraudRules, Game, LoyaltyRules, Workflow
from gateway.texts import Texts

__all__ = [
    "CatalogInvalid",
    "Checked",
    "check_bundle",
    "check_files",
    "check_folder",
    "content_hash",
    "load_catalog",
    "read_catalog_bundle",
]


def load_catalog(folder: Path) -> Catalog:
    """Reads and checks the catalog in `folder`; `version` is the hash of the files' names and bytes.

    Raises `CatalogInvalid`.
    """
    return check_folder(folder).sound().catalog


def check_folder(folder: Path) -> Checked:
    """Everything that is wrong with the catalog in `folder`. Raises `CatalogInvalid` only if there is no folder."""
    problems: list[Problem] = []
    return check_files(read_folder(folder, problems), problems, folder)


def read_catalog_bundle(files: Mapping[str, bytes]) -> tuple[Catalog, Texts]:
    """The catalog and texts of a bundle `{name: content}`. Raises `CatalogInvalid`."""
    checked = check_bundle(files).sound()
    return checked.catalog, checked.texts


def check_bundle(files: Mapping[str, bytes]) -> Checked:
    """Everything that is wrong with a bundle. Raises `CatalogInvalid` at once if it is too large to look at.

    Whether the geo database exists is not checked, because it lies next to the catalog on the machines that use it.
    """
    problems: list[Problem] = []
    return check_files(take_bundle(files, problems), problems, None)


def content_hash(files: Mapping[str, bytes]) -> str:
    """16 hex digits that change with every name and byte of a catalog's files."""
    digest = sha256()
    for name in sorted(files):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(files[name]), files[name]))
    return digest.hexdigest()[:16]


def check_files(
    files: Mapping[str, bytes], problems: list[Problem], folder: Path | None, at_ms: int | None = None
) -> Checked:
    """Checks files that were read with `problems` from `folder`, or came from elsewhere (None).

    `at_ms`: the time (Unix ms) at which a campaign counts as ended; None: now.
    """
    note_missing(files, problems)
    catalog, read, levels, exponent_lines = _build(files, problems, folder)
    texts, lines = read_locales(files, problems)
    warnings = compare_texts(texts, lines, needed_texts(read, levels))
    check_notices(texts, lines, problems)
    warnings += missing_notices(texts, lines)
    sound = sound_campaigns(read, problems)
    warnings += warn_of_unreachable(catalog, sound, now_ms() if at_ms is None else at_ms)
    check_sense(catalog, sound, levels if sound_basis(problems) else None)
    return Checked(catalog, texts, _ordered(problems), _ordered(warnings), exponent_lines)


def _build(
    files: Mapping[str, bytes], problems: list[Problem], folder: Path | None
) -> tuple[Catalog, dict[str, ReadCampaign], ReadLevels | None, dict[str, int]]:
    def top(name: str) -> Place:
        return parse(name, files[name], problems) if name in files else Place(name, 1, None, problems)

    platform = read_platform(top(PLATFORM), folder)
    games = read_games(top(GAMES), tuple(platform.currencies))
    workflows = read_workflows({name: top(name) for name in files if name.startswith("workflows/")})
    levels = read_levels(top(LEVELS), platform.currencies) if LEVELS in files else None
    words = _vocabulary(platform, games, workflows, levels)
    read = _read_campaigns({name: top(name) for name in files if name.startswith("campaigns/")}, words)
    fraud = read_fraud(top(FRAUD)) if FRAUD in files else FraudRules()
    loyalty = levels.rules if levels else None
    catalog = _catalog(
        version=content_hash(files),
        platform=platform,
        games=games,
        workflows=workflows,
        read=read,
        fraud=fraud,
        loyalty=loyalty,
    )
    return catalog, read, levels, platform.exponent_lines


def _vocabulary(
    platform: Platform, games: Mapping[str, Game], workflows: Mapping[str, Workflow], levels: ReadLevels | None
) -> Vocabulary:
    ladder = levels.rules.levels if levels else ()
    return Vocabulary(
        currencies=tuple(platform.currencies),
        games=tuple(games),
        workflows=tuple(workflows),
        levels=tuple(level.level_id for level in ladder) if levels else None,
        bonus_multiplier_micro=max((level.privileges.bonus_multiplier_micro for level in ladder), default=MICRO),
    )


def _catalog(
    version: str,
    platform: Platform,
    games: dict[str, Game],
    workflows: dict[str, Workflow],
    read: Mapping[str, ReadCampaign],
    fraud: FraudRules,
    loyalty: LoyaltyRules | None,
) -> Catalog:
    return Catalog(
        version=version,
        currencies=platform.currencies,
        funds_order=platform.funds_order,
        games=games,
        campaigns={campaign_id: entry.campaign for campaign_id, entry in read.items()},
        dedicated_players=platform.dedicated_players,
        workflows=workflows,
        fraud=fraud,
        round_timeout=platform.round_timeout,
        flags=platform.flags,
        geo_database=platform.geo_database,
        loyalty=loyalty,
        four_eyes=platform.four_eyes,
    )


def _read_campaigns(tops: Mapping[str, Place], words: Vocabulary) -> dict[str, ReadCampaign]:
    """Campaigns by id. An id that is taken already is noted.

    One whose id can't be read is checked and left out.
    """
    read: dict[str, ReadCampaign] = {}
    for top in tops.values():
        entry = read_campaign(top, words)
        campaign_id = entry.campaign.campaign_id
        if campaign_id in read:
            entry.named.problem(
                f"the id `{campaign_id}` is taken by {read[campaign_id].named.file}; every campaign needs its own"
            )
        elif campaign_id:
            read[campaign_id] = entry
    check_codes(read)
    return read


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems)))

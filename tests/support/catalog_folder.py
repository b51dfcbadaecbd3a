"""Catalog folders for tests: the shipped one, with campaigns added, and the bundle that is sent of it."""

from pathlib import Path

from croupier.catalog.folder import read_folder
from croupier.settings import default_catalog

NEVER_ENDS = "2036-01-01T00:00:00Z"


def shipped(folder: Path, **campaigns: str) -> Path:
    """A copy of the shipped catalog, plus `campaigns`: YAML by id, `_` for `-`."""
    for name, content in bundle(default_catalog(), **campaigns)["files"].items():
        write(folder, name, content)
    return folder


def write(folder: Path, name: str, content: str) -> None:
    """One file of the catalog."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def bundle(folder: Path, **changed: str) -> dict[str, dict[str, str]]:
    """The body of `POST /catalog/check` and `/deploy`; `changed` adds or replaces campaigns as in `shipped`."""
    files = {name: content.decode() for name, content in read_folder(folder).items()}
    files |= {f"campaigns/{name.replace('_', '-')}.yaml": content for name, content in changed.items()}
    return {"files": files}


def bonus_campaign(
    campaign_id: str,
    trigger: str,
    *,
    eur: int = 1_000,
    wager: str = '{multiplier: "30", valid_days: 10}',
    limits: str = "{per_player: 1}",
    valid_to: str = NEVER_ENDS,
    more: str = "",
) -> str:
    """A `no_deposit` campaign in EUR (`eur` minor units) as YAML; `trigger`, `wager` and `limits` in flow style."""
    return (
        f"id: {campaign_id}\ntype: no_deposit\ntrigger: {trigger}\n"
        f"valid_from: 2026-01-01T00:00:00Z\nvalid_to: {valid_to}\n"
        f"eligibility: {{currencies: [EUR]}}\naward: {{bonus: {{fixed: {{EUR: {eur}}}}}}}\n"
        f"wager: {wager}\nlimits: {limits}\n{more}"
    )

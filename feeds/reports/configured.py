"""What reports may know of the catalog that is in force at the end of their period: `$catalog`, as JSON."""

from typing import Final

import msgspec

from engine.amounts import MICRO
from engine.catalog import Catalog


class Configured(msgspec.Struct, frozen=True):
    """`json` is what SQL asks, `version` the catalog's, empty if it is not known; then `note` says why."""

    version: str = ""
    json: str = "{}"
    note: str = ""


NOTHING: Final = Configured()


def configured(catalog: Catalog, version: str) -> Configured:
    """Of the catalog: the return to player of games (`rtp`, 1 is 100 %), and campaigns' budgets in micro-EUR."""
    rtp = {game.game_id: game.rtp_micro / MICRO for game in catalog.games.values() if game.rtp_micro is not None}
    budgets = {
        campaign.campaign_id: campaign.limits.budget_micro_eur
        for campaign in catalog.campaigns.values()
        if campaign.limits.budget_micro_eur is not None
    }
    said = msgspec.json.encode({"rtp": rtp, "budget_micro_eur": budgets}, order="sorted")
    return Configured(version, said.decode())

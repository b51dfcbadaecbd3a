"""What the catalog in force offers, for whoever shows it to players or manages it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from engine.catalog import Campaign
from gateway.catalog_schemas import CampaignJson, CampaignsJson
from gateway.declaring import CONTROL, Routes
from gateway.door import AtDoor, House, Lang, answer
from gateway.errors import Refused
from gateway.ports import CampaignFigures
from gateway.render_campaigns import campaign
from gateway.requests import IDENTIFIER
from gateway.roles import PEOPLE, PLATFORM

routes = Routes()


@routes.read("GET /campaigns", roles=PLATFORM | PEOPLE, answers=CampaignsJson, refuses=CONTROL, asks_player=False)
async def campaigns(door: AtDoor, lang: Lang = None) -> Response:
    """All campaigns of the catalog in force, in order of their ids."""
    door.admit()
    language = door.language(lang)
    found = [each for _, each in sorted(door.house.control.catalog().campaigns.items())]
    return answer(CampaignsJson(await _shown(door.house, found, language)))


@routes.read(
    "GET /campaigns/{campaign_id}",
    roles=PLATFORM | PEOPLE,
    answers=CampaignJson,
    refuses=("campaign_not_found", *CONTROL),
    asks_player=False,
)
async def one_campaign(
    door: AtDoor, campaign_id: Annotated[str, Path(pattern=IDENTIFIER)], lang: Lang = None
) -> Response:
    """One campaign of the catalog in force."""
    door.admit()
    found = door.house.control.catalog().campaigns.get(campaign_id)
    if found is None:
        raise Refused("campaign_not_found", f"There is no campaign {campaign_id!r} in the catalog.")
    (shown,) = await _shown(door.house, [found], door.language(lang))
    return answer(shown)


async def _shown(house: House, found: Sequence[Campaign], language: str) -> list[CampaignJson]:
    """With what has become of them so far."""
    figures, texts = await house.control.figures(found), house.control.texts()
    return [campaign(each, texts, language, figures.get(each.campaign_id, CampaignFigures())) for each in found]

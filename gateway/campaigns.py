"""What the catalog in force offers, for whoever shows it to players or manages it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from engine.catalog import Campaign
from gateway.catalog_schemas import CampaignJson, CampaignsJson
from gateway.door import AtDoor, House, Lang, answer
from gateway.errors import Refused
from gateway.render_campaigns import campaign
from gateway.requests import IDENTIFIER

router = APIRouter()


@router.get("/campaigns")
async def campaigns(door: AtDoor, lang: Lang = None) -> Response:
    """All campaigns of the catalog in force, in order of their ids."""
    door.admit()
    language = door.language(lang)
    found = [each for _, each in sorted(door.house.control.catalog().campaigns.items())]
    return answer(CampaignsJson(await asyncio.gather(*(_shown(door.house, each, language) for each in found))))


@router.get("/campaigns/{campaign_id}")
async def one_campaign(
    door: AtDoor, campaign_id: Annotated[str, Path(pattern=IDENTIFIER)], lang: Lang = None
) -> Response:
    """One campaign of the catalog in force."""
    door.admit()
    found = door.house.control.catalog().campaigns.get(campaign_id)
    if found is None:
        raise Refused("campaign_not_found", f"There is no campaign {campaign_id!r} in the catalog.")
    return answer(await _shown(door.house, found, door.language(lang)))


async def _shown(house: House, of: Campaign, language: str) -> CampaignJson:
    """With what is left of its budget, if it has one."""
    used = None if of.limits.budget_micro_eur is None else await house.control.usage(of.campaign_id)
    return campaign(of, house.control.texts(), language, used)

"""The campaigns of the catalog in force, for those who show them to players or manage them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from engine.catalog import Campaign
from gateway.access.roles import PEOPLE, PLATFORM
from gateway.declaring import CONTROL, Routes
from gateway.documents.requests import IDENTIFIER
from gateway.http.errors import Refused
from gateway.ports import CampaignFigures
from gateway.routes.call import GatewayParts, Lang, ThisCall, answer
from gateway.routes.catalogs.render import campaign
from gateway.routes.catalogs.schemas import CampaignJson, CampaignsJson

routes = Routes()


@routes.read("GET /campaigns", roles=PLATFORM | PEOPLE, answers=CampaignsJson, refuses=CONTROL, asks_player=False)
async def campaigns(call: ThisCall, lang: Lang = None) -> Response:
    """All campaigns of the catalog in force, in order of their ids."""
    call.admit()
    language = call.language(lang)
    found = [each for _, each in sorted(call.parts.control.catalog().campaigns.items())]
    return answer(CampaignsJson(await _shown(call.parts, found, language)))


@routes.read(
    "GET /campaigns/{campaign_id}",
    roles=PLATFORM | PEOPLE,
    answers=CampaignJson,
    refuses=("campaign_not_found", *CONTROL),
    asks_player=False,
)
async def one_campaign(
    call: ThisCall, campaign_id: Annotated[str, Path(pattern=IDENTIFIER)], lang: Lang = None
) -> Response:
    """One campaign of the catalog in force."""
    call.admit()
    found = call.parts.control.catalog().campaigns.get(campaign_id)
    if found is None:
        raise Refused("campaign_not_found", f"There is no campaign {campaign_id!r} in the catalog.")
    (shown,) = await _shown(call.parts, [found], call.language(lang))
    return answer(shown)


async def _shown(house: GatewayParts, found: Sequence[Campaign], language: str) -> list[CampaignJson]:
    """The campaigns with what has become of them so far."""
    figures, texts = await house.control.figures(found), house.control.texts()
    return [campaign(each, texts, language, figures.get(each.campaign_id, CampaignFigures())) for each in found]

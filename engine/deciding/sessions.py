"""Sessions and custom events from the platform (rules §6, §7)."""

from engine.catalog import Catalog
from engine.commands import Command, PostEvent, StartSession
from engine.deciding.declaring import decides
from engine.deciding.players import erased
from engine.events import CustomEventPosted, SessionStarted
from engine.loyalty.privileges import min_rtp_micro
from engine.rejections import GEO_BLOCKED, Rejection
from engine.state import Player
from engine.transition import Decision


@decides(StartSession)
def start_session(player: Player, catalog: Catalog, command: Command, body: StartSession) -> Decision:
    """Opens a session. `geo_blocked` if the IP's country or the claimed one is denied (rules §7); `player_erased`.

    A blocked player may look at the account and settle open rounds: the session opens and triggers nothing.
    """
    if player.state.erased_ms is not None:
        return erased(player.state)
    ip_country = command.facts.ip_country
    for country in (ip_country, body.country):
        if country is not None and country in catalog.fraud.denied_countries:
            return Rejection(GEO_BLOCKED, f"There are no sessions from {country}.", {"country": country})
    rtp = min_rtp_micro(catalog, player.state)
    return [SessionStarted(body.ip, body.device, body.country, ip_country, rtp)]


@decides(PostEvent, while_blocked=False)
def post_event(player: Player, catalog: Catalog, command: Command, body: PostEvent) -> Decision:
    """Something happened on the platform that a campaign may wait for (rules §6, `custom_event`)."""
    return [CustomEventPosted(body.name)]

"""What kill-switches refuse (rules §3). They come right behind the player's own block in the order of refusals."""

from engine.awarding.triggers import with_code
from engine.catalog import Catalog
from engine.commands import AddBet, ApproveGrant, ClaimGrant, Command, EnterCode, GrantCampaign, Inactive, Spin
from engine.expiry import is_running
from engine.holdings import find_grant
from engine.rejections import CAMPAIGN_BLOCKED, GAME_BLOCKED, GAMING_DISABLED, PLAYER_BLOCKED, Rejection
from engine.state import PlayerState
from engine.switches import SwitchedOff

_LATER = "results, cancels, rollbacks and withdrawals still work."


def switched_off(
    state: PlayerState, catalog: Catalog, command: Command, off: SwitchedOff, while_blocked: bool
) -> Rejection | None:
    """`player_blocked`, `gaming_disabled`, `game_blocked` or `campaign_blocked`; None if no switch is in the way.

    What is refused to a blocked player (not `while_blocked`) is refused to a player who is switched off, and to all if
    everything is. Silence is noticed all the same, because due work that is refused would keep other due work waiting;
    it is awarded nothing then (see `awarding.triggers`).
    """
    if not while_blocked and type(command.body) is not Inactive and off.stops(state.player_id):
        return _stopped(state.player_id, off)
    game_id = _game_of(state, command) if off.games else None
    if game_id in off.games:
        detail = f"Game {game_id} is switched off by an operator: open rounds can be settled, no bet is taken."
        return Rejection(GAME_BLOCKED, detail)
    campaign_id = _campaign_of(state, catalog, command) if off.campaigns else None
    if campaign_id in off.campaigns:
        detail = f"Campaign {campaign_id} is switched off by an operator: it gives nothing new."
        return Rejection(CAMPAIGN_BLOCKED, detail)
    return None


def _stopped(player_id: str, off: SwitchedOff) -> Rejection:
    if player_id in off.players:
        detail = f"Player {player_id} is switched off by an operator; {_LATER}"
        return Rejection(PLAYER_BLOCKED, detail, {"switched_off": True})
    return Rejection(GAMING_DISABLED, f"Everything is switched off by an operator; {_LATER}")


def _game_of(state: PlayerState, command: Command) -> str | None:
    """The game on which the command bets."""
    body = command.body
    if type(body) is Spin:
        return body.game_id
    round_ = state.rounds.get(body.session_id) if type(body) is AddBet else None
    return None if round_ is None else round_.game_id


def _campaign_of(state: PlayerState, catalog: Catalog, command: Command) -> str | None:
    """The campaign of which the command wants something new, if it names one."""
    body = command.body
    if type(body) is GrantCampaign:
        return body.campaign_id
    if type(body) is ClaimGrant or type(body) is ApproveGrant:
        grant = find_grant(state, body.grant_id)
        return None if grant is None else grant.campaign_id
    if type(body) is not EnterCode:
        return None
    running = (each for each in with_code(catalog, body.code) if is_running(each, command.time_ms))
    return next((campaign.campaign_id for campaign in running), None)

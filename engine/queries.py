"""Queries: reads of one player's state. They change nothing and carry no idempotency key."""

from typing import get_args

import msgspec


class Query(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all queries."""


class GetPlayer(Query, tag="get_player", frozen=True):
    """Everything about the player: `views.PlayerView`."""


class GetRound(Query, tag="get_round", frozen=True):
    """One round by session id: `answers.RoundAnswer`. A round that is unknown or long past: `session_not_found`."""

    session_id: str


class GetRounds(Query, tag="get_rounds", frozen=True):
    """The last `limit` rounds, newest first: `views.RoundsView`."""

    limit: int


class GetBonuses(Query, tag="get_bonuses", frozen=True):
    """All live and recently ended grants, newest first: `views.GrantsView`."""


class GetCancelPreview(Query, tag="get_cancel_preview", frozen=True):
    """What giving a grant or package up would remove: `views.CancelPreview`. Unknown, or ended: `grant_not_found`."""

    grant_id: str


class GetLoyalty(Query, tag="get_loyalty", frozen=True):
    """Level, points, turnover and privileges: `views.LoyaltyView`."""


class GetRtp(Query, tag="get_rtp", frozen=True):
    """The return to player that the level asks of the game's variant: `views.RtpView`. Unknown: `unknown_game`."""

    game_id: str


QueryBody = GetPlayer | GetRound | GetRounds | GetBonuses | GetCancelPreview | GetLoyalty | GetRtp
QUERIES = frozenset(get_args(QueryBody))

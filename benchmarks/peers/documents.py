"""The typed answer of every peer's `POST /spin`."""

from typing import Literal

from pydantic import BaseModel

Mode = Literal["real", "freespin"]


class Balance(BaseModel):
    """Minor units, as Croupier tells them."""

    real: int
    bonus: int
    bonus_usable: int
    withdrawable: int


class SpinAnswer(BaseModel):
    """A round that one call opened and closed."""

    session_id: str
    player_id: str
    game_id: str
    mode: Mode
    state: Literal["open", "closed"]
    bet_amount: int
    win_amount: int
    balance: Balance
    replayed: bool

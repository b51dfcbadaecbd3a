"""The paragraphs of docs/rules.md that explanations name. A test finds each of them there."""

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """`section` is its number (`2.4` is the fourth item of section 2), `begins` the words that its paragraph begins
    with, after a bullet or number.
    """

    section: str
    begins: str


FUNDS_ORDER: Final = Rule("2.1", "A stake is taken from the real wallet first")
IN_WAGER_ONLY: Final = Rule("2.2", "Only the grant *in wager* can be staked.")
WIN_SHARED: Final = Rule("2.4", "A win on a round funded by `r` real and `b` bonus money is shared")
REVERSAL: Final = Rule("2.5", "A reversal restores what the bet did")
CONVERTED: Final = Rule("2.7", "`platform.yaml` gives each currency its `exponent`")

SPIN: Final = Rule("3", "`spin` opens a round and takes the stake.")
ADDED_BET: Final = Rule("3", "`bet` adds a stake to an open round")
RESULT: Final = Rule("3", "`result` credits a win")
CANCEL: Final = Rule("3", "`cancel` reverses all bets of an open round")
ROLLBACK: Final = Rule("3", "`rollback` names an earlier bet by its id")
TIMEOUT: Final = Rule("3", "A round that stays open has a time-out")
FLAGGED: Final = Rule("3", "A result for a refunded round is refused with `round_refunded`.")
BLOCKED: Final = Rule("3", "A blocked player's bets")
ERASED: Final = Rule("3", "A player can be *erased*")

STATES: Final = Rule("4", "A grant is `initiated`")
QUEUE: Final = Rule("4", "One grant is in wager at a time")
VALID_TO: Final = Rule("4", "A grant's `valid_to` is its grant time plus `valid_days`")
DUE: Final = Rule("4", "The wagering due is `multiplier × base`")
COUNTED: Final = Rule("4", "Each bet, of real or mixed funds alike, takes")
MAX_BET: Final = Rule("4", "`over_max_bet` says what becomes of a stake above `max_bet`")
EXCLUDED: Final = Rule("4", "An excluded game can be played and makes no progress")
COMPLETES: Final = Rule("4", "When nothing remains to be wagered the grant completes")
TERMS_FROZEN: Final = Rule("4", "Terms and workflow are copied into the grant when it is created")
INITIATED: Final = Rule("4", "An initiated grant lapses")
AVERAGE_BET: Final = Rule("4", "`min_average_bet`: if the wagering is done")
GIVEN_UP: Final = Rule("4", "The player, or an operator, can give a grant up")
WORKFLOW: Final = Rule("4", "The path of a grant is data")

PACKAGE: Final = Rule("5", "A package has `count` spins at stake `bet`")
FREE_SPIN: Final = Rule("5", "A free spin takes no money, counts for no wagering")
WINNINGS: Final = Rule("5", "The wins of a package go to its *winnings grant*")
MAX_WIN: Final = Rule("5", "`max_win` caps what a package pays in total")
PACKAGE_EXPIRES: Final = Rule("5", "An expired package loses its unused spins")

TRIGGERS: Final = Rule("6", "`turnover_reached` and `level_up` fire when the rounds")
SESSION_TRIGGER: Final = Rule("6", "`session_start`")
CUSTOM_TRIGGER: Final = Rule("6", "`custom_event`")
INACTIVE: Final = Rule("6", "`inactive`")

GATE: Final = Rule("7", "Sessions and deposits bring signals")
VERDICT: Final = Rule("7", "The strictest verdict wins.")
DECLINED: Final = Rule("7", "A declined grant moves nothing")

TURNOVER: Final = Rule("8", "Turnover is the sum of all stakes in micro-EUR")
VERTICALS: Final = Rule("8", "Other verticals report bets with an amount and a `game_type`")
POINTS: Final = Rule("8", "**Points.**")
BUCKETS: Final = Rule("8", "**Buckets.**")
UP: Final = Rule("8", "**Up.**")
DOWN: Final = Rule("8", "**Down.**")
FORCED: Final = Rule("8", "**Forced.**")
LADDERS: Final = Rule("8", "**Changed ladders.**")
REDEMPTION: Final = Rule("8", "**Redemption.**")
POINTS_EXPIRE: Final = Rule("8", "**Expiry.**")
CASHBACK: Final = Rule("8", "**Cashback.**")

RESERVED: Final = Rule("9", "A withdrawal reserves real money.")
WITHDRAWN: Final = Rule("9", "When a withdrawal is confirmed, the grants and packages")

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Rule))

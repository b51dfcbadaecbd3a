"""Query strings and path segments of the hot path, parsed strictly: nothing is guessed, coerced or ignored."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from engine.amounts import AMOUNT_MAX
from engine.commands import Mode
from engine.identifiers import IDENTIFIER, IDENTIFIER_WORDS, OWN_ID, REFERENCE
from gateway.declaring import Parameter
from gateway.http.errors import FieldError, invalid_field

_IDENTIFIER: Final = re.compile(IDENTIFIER)
_VISIBLE: Final = re.compile(REFERENCE)
SESSION_ID: Final = re.compile(OWN_ID)
_MODES: Final[dict[str, Mode]] = {"real": "real", "freespin": "freespin"}
_DIGITS_MAX: Final = len(str(AMOUNT_MAX))

PLAYER_PARAMETER: Final = Parameter("player_id", {"type": "string", "pattern": f"^{IDENTIFIER}$"})
SPIN_PARAMETERS: Final = (
    PLAYER_PARAMETER,
    Parameter("game_id", {"type": "string", "pattern": f"^{IDENTIFIER}$"}),
    Parameter("mode", {"type": "string", "enum": [*_MODES]}),
    Parameter(
        "bet",
        {"type": "integer", "minimum": 1, "maximum": AMOUNT_MAX},
        required=False,
        description="Minor units; required in mode real, in mode freespin it selects among packages",
    ),
    Parameter(
        "win",
        {"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX},
        required=False,
        description="Minor units; bet and win are one step and the round is closed",
    ),
    Parameter(
        "round_id",
        {"type": "string", "pattern": f"^{REFERENCE}$"},
        required=False,
        description="The provider's reference",
    ),
)
"""As the OpenAPI document shows them; the functions below check the same."""

_CANONICAL_SPIN: Final = re.compile(
    rf"player_id=({IDENTIFIER})&game_id=({IDENTIFIER})&mode=(real|freespin)"
    rf"(?:&bet=([1-9][0-9]{{0,{_DIGITS_MAX - 2}}}))?(?:&win=(0|[1-9][0-9]{{0,{_DIGITS_MAX - 2}}}))?".encode()
)
"""The query that nearly every spin has: these parameters, in this order, none of them encoded or out of range."""

Parameters = dict[str, str]


def canonical_spin(query: bytes) -> tuple[str, str, Mode, int | None, int | None] | None:
    """Player, game, mode, bet and win of a canonical query, in one step; None: `parse_query` and the rest decide."""
    matched = _CANONICAL_SPIN.fullmatch(query)
    if matched is None:
        return None
    player_id, game_id, mode, bet, win = matched.groups()
    return (
        player_id.decode(),
        game_id.decode(),
        "real" if mode == b"real" else "freespin",
        None if bet is None else int(bet),
        None if win is None else int(win),
    )


def parse_query(query: bytes, known: frozenset[str]) -> Parameters:
    """Each parameter once. Raises Refused for unknown or repeated names and for what is no text."""
    if not query:
        return {}
    encoded = b"%" in query or b"+" in query
    try:
        text = query.decode("ascii")
        parameters: Parameters = {}
        for part in text.split("&"):
            name, _, value = part.partition("=")
            if encoded:
                name, value = _decoded(name), _decoded(value)
            if name not in known:
                raise invalid_field(_shown(name), "is not a parameter of this route")
            if name in parameters:
                raise invalid_field(name, "must be given once")
            parameters[name] = value
    except UnicodeDecodeError:
        raise invalid_field("query", "is not percent-encoded UTF-8") from None
    return parameters


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def _shown(name: str) -> str:
    return ascii(name[:64])[1:-1] or "query"


def identifier(parameters: Parameters, name: str, wrong: list[FieldError]) -> str:
    """A required player or game id."""
    value = parameters.get(name)
    if value is None:
        wrong.append(FieldError(name, "is required"))
        return ""
    if _IDENTIFIER.fullmatch(value) is None:
        wrong.append(FieldError(name, f"must be {IDENTIFIER_WORDS}"))
    return value


def amount(parameters: Parameters, name: str, minimum: int, wrong: list[FieldError]) -> int | None:
    """An optional amount in minor units, `minimum` to 10^15, in plain digits."""
    value = parameters.get(name)
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        number = int(value)
        if minimum <= number <= AMOUNT_MAX:
            return number
    wrong.append(FieldError(name, f"must be an integer from {minimum} to {AMOUNT_MAX}, in digits only"))
    return None


def reference(parameters: Parameters, name: str, wrong: list[FieldError]) -> str | None:
    """An optional reference of the caller's."""
    value = parameters.get(name)
    if value is not None and _VISIBLE.fullmatch(value) is None:
        wrong.append(FieldError(name, "must be 1 to 128 visible ASCII characters"))
    return value


def chosen_mode(parameters: Parameters, wrong: list[FieldError]) -> Mode:
    """`real` or `freespin`, required."""
    value = _MODES.get(parameters.get("mode", ""))
    if value is None:
        wrong.append(FieldError("mode", "must be real or freespin"))
        return "real"
    return value

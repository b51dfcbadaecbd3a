"""The one gate that every award passes, whatever its source: fraud rules and limits (rules §7).

The gate rules on facts that the shard looked up or reserved beforehand (`engine.needs` says which). Its refusals are
stored with the grant as reasons, in the words of `fraud.yaml` and `engine.facts.ReservationRefusal`.
"""

from collections.abc import Set
from typing import Final, NamedTuple

from engine.calendar import DAY_MS
from engine.catalog import Campaign, Catalog, FraudRules, PeriodLimit, Verdict
from engine.commands import Command, Deposit, StartSession
from engine.facts import Reservation, Seen, Signals
from engine.holdings import award_key, latest
from engine.state import PlayerState
from engine.state.window import id_digest

_STRICTNESS: Final[dict[Verdict, int]] = {"allow": 0, "review": 1, "deny": 2}
NO_SIGNALS: Final = Signals()


class Ruling(NamedTuple):
    """`verdict` with all its reasons. `reservation` is the id under which the shared limits hold the award."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    reservation: str | None = None


def own_signals(command: Command) -> Signals:
    """The signals that the command itself brings."""
    body = command.body
    if isinstance(body, Deposit):
        return Signals(body.ip, body.device, body.payment_instrument)
    if isinstance(body, StartSession):
        return Signals(body.ip, body.device, None, body.country)
    return NO_SIGNALS


def signals_of(state: PlayerState, command: Command) -> Signals:
    """The signals by which the command is judged: its own, and the player's last ones for those it doesn't bring."""
    return latest(state.signals, own_signals(command))


def fraud_ruling(state: PlayerState, catalog: Catalog, command: Command) -> Ruling:
    """The strictest verdict of the rules that apply, with the names of all these rules (rules §7)."""
    rules = catalog.fraud
    here = {_ip_country(state, command), signals_of(state, command).country}
    fired = _fired(rules, command.facts.seen, here - {None}, state.country)
    verdicts: list[Verdict] = ["allow", *(rules.rules[name].verdict for name in fired)]
    verdict = max(verdicts, key=_STRICTNESS.__getitem__)
    if {*here, state.country} & set(rules.denied_countries):
        return Ruling("deny", ("denied_country", *fired))
    return Ruling(verdict, fired)


def _ip_country(state: PlayerState, command: Command) -> str | None:
    """The country of the command's IP, or of the player's last IP if the command has none."""
    if command.facts.ip_country is not None or own_signals(command).ip is not None:
        return command.facts.ip_country
    return state.ip_country


def _fired(rules: FraudRules, seen: Seen, here: Set[str | None], country: str | None) -> tuple[str, ...]:
    """`here`: the countries that the IP and the player claim to be in; `country`: the account's."""
    mismatch = country is not None and not here <= {country}
    counts = {
        "shared_device": seen.device,
        "shared_instrument": seen.payment_instrument,
        "shared_ip": seen.ip,
        "country_mismatch": 1 if mismatch else 0,
    }
    return tuple(name for name, rule in rules.rules.items() if counts.get(name, 0) > rule.more_than)


def needs_reservation(catalog: Catalog, campaign: Campaign, bonus_micro_eur: int) -> bool:
    """Whether limits shared by all players apply to the award (rules §6, §7)."""
    limits = campaign.limits
    shared = (limits.budget_micro_eur, limits.per_ip, limits.per_device)
    return any(limit is not None for limit in shared) or bool(bonus_micro_eur and catalog.fraud.max_bonus_per_ip)


def reservation_id(state: PlayerState, command: Command, campaign: Campaign, climbed: str | None) -> str:
    """The id under which the shared limits hold one award of the command.

    A command id may come again after it was forgotten. The second command's awards are then held beside those of the
    first.
    """
    wanted = f"{state.player_id}/{command.id}/{award_key(campaign.campaign_id, climbed)}"
    while _named_already(state, wanted):
        wanted += "/again"
    return wanted


def _named_already(state: PlayerState, reservation: str) -> bool:
    if id_digest(reservation) in state.granted_reservations:
        return True
    return any(grant.reservation == reservation for grant in state.grants)


def reservation_for(
    state: PlayerState, command: Command, campaign: Campaign, climbed: str | None
) -> Reservation | None:
    """The shared limits' answer for one award, among the command's facts."""
    wanted = reservation_id(state, command, campaign, climbed)
    for reservation in command.facts.reservations:
        if reservation.reservation_id == wanted:
            return reservation
    return None


def over_period(state: PlayerState, limit: PeriodLimit | None, more_micro_eur: int, time_ms: int) -> bool:
    """Whether `more_micro_eur` of bonus money would pass the limit over the last `period_days` UTC days, today
    included.
    """
    if limit is None or not more_micro_eur:
        return False
    first = time_ms // DAY_MS - limit.period_days + 1
    granted = sum(micro for day, micro in state.bonus_days.items() if day >= first)
    return granted + more_micro_eur > limit.micro_eur

"""Exact arithmetic on money: integers and decimal strings, never a float.

Multipliers and rates are decimal strings in the catalog and integers in millionths (`micro`) in memory.
"""

import re

from engine.catalog import Currency

MICRO = 1_000_000
AMOUNT_MAX = 10**15
"""No single amount, in minor units, may be larger: far above any stake, far below 2^63 after multiplication."""

_UNITS: tuple[int, ...] = tuple(10**exponent for exponent in range(19))
"""Minor units per major unit, by a currency's exponent."""
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def micro(text: str) -> int:
    """`"1.25"` → 1_250_000. Raises ValueError unless `text` has up to 9 whole and 6 decimal digits."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not a decimal string such as "35" or "0.5"')
    whole, _, fraction = text.partition(".")
    return int(whole) * MICRO + int(fraction.ljust(6, "0") or 0)


def times_floor(amount: int, factor_micro: int) -> int:
    """`amount × factor`, rounded down."""
    return amount * factor_micro // MICRO


def times_ceil(amount: int, factor_micro: int) -> int:
    """`amount × factor`, rounded up."""
    return -(-amount * factor_micro // MICRO)


def percent_floor(amount: int, percent_micro: int) -> int:
    """`amount × percent / 100`, rounded down."""
    return amount * percent_micro // (100 * MICRO)


def to_micro_eur(amount: int, currency: Currency) -> int:
    """`amount` minor units in micro-EUR, rounded half to even (rules §2.7)."""
    unit = _UNITS[currency.exponent]
    numerator = amount * currency.eur_rate_micro
    whole = numerator // unit
    rest = numerator - whole * unit
    if rest and (2 * rest > unit or (2 * rest == unit and whole % 2)):
        return whole + 1
    return whole

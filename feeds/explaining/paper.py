"""The dispute file on paper: typst sets it; text enters as data, never as markup; the same file gives the same bytes.

It needs the extra `reports`.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

from feeds.explaining.amounts import Purse
from feeds.explaining.attached import attachments, listed
from feeds.explaining.disputes import BetShown, Dispute, StepShown
from feeds.paper.cleaning import clean
from feeds.paper.setting import pdf_of
from snapshots.audit.receipts import Receipt

BETS_MAX: Final = 500
"""Bets and steps that stand on paper; the JSON has more."""
TEXT_MAX: Final = 600


def paper(dispute: Dispute, may_value: bool = False, receipts: Sequence[Receipt] = ()) -> bytes:
    """The PDF, with the receipts attached to it. `may_value`: whoever reads it may know how the player is valued."""
    template = files("feeds.explaining").joinpath("dispute.typ").read_bytes()
    said = json.dumps(page(dispute, may_value, receipts)).encode()
    return pdf_of({"main.typ": template, "dispute.json": said, **attachments(receipts)})


def page(dispute: Dispute, may_value: bool, receipts: Sequence[Receipt] = ()) -> dict[str, Any]:
    """What the template is given: everything as it is to be read."""
    purse = Purse(dispute.currency, dispute.exponent)
    steps = [step for step in dispute.steps if step.event != "BetPlaced"]
    return {
        "title": _clean(f"Bonus {dispute.grant_id}"),
        "player": _clean(dispute.player_id),
        "campaign": _clean(dispute.campaign_id),
        "currency": _clean(dispute.currency),
        "facts": [[name, _clean(value)] for name, value in _facts(dispute, purse)],
        "ending": _clean(dispute.ending),
        "limit_hit": _clean(dispute.limit_hit or ""),
        "terms": [_clean(words) for words in dispute.terms.words],
        "bets": [_bet(bet, purse) for bet in dispute.bets[:BETS_MAX]],
        "bets_total": len(dispute.bets),
        "steps": [_step(step, purse, may_value) for step in steps[:BETS_MAX]],
        "steps_total": len(steps),
        "notes": [_clean(note) for note in dispute.notes],
        "receipts": listed(receipts),
        "read_through": dispute.read_through,
    }


def _facts(dispute: Dispute, purse: Purse) -> list[tuple[str, str]]:
    reasons = ", ".join(dispute.reasons)
    return [
        ("State", dispute.state),
        ("Source", dispute.source),
        ("Created", _time(dispute.created_at)),
        ("Opted in", _time(dispute.opted_in_at)),
        ("Granted", _time(dispute.granted_at)),
        ("Ended", _time(dispute.ended_at)),
        ("Amount", purse.said(dispute.amount)),
        ("To be wagered", purse.said(dispute.wager_total)),
        ("Counted", purse.said(dispute.counted)),
        ("Remaining", purse.said(dispute.remaining)),
        ("Became real money", purse.said(dispute.released)),
        ("Removed", purse.said(dispute.removed)),
        ("Gate", f"{dispute.verdict}{f' ({reasons})' if reasons else ''}"),
        ("Catalog at creation", (dispute.catalog or "no longer known")[:24]),
    ]


def _bet(bet: BetShown, purse: Purse) -> list[str]:
    marks = [*(["over the limit"] if bet.over_limit else []), *(["undone"] if bet.undone else [])]
    return [
        _time(bet.time),
        _clean(bet.session_id),
        _clean(bet.game_id),
        purse.bare(bet.stake),
        purse.bare(bet.bonus),
        "–" if bet.contribution is None else f"{bet.contribution} %",
        purse.bare(bet.counted),
        purse.bare(bet.remaining),
        ", ".join(marks),
    ]


def _step(step: StepShown, purse: Purse, may_value: bool) -> list[str]:
    rules = ", ".join(dict.fromkeys(rule.section for rule in step.rules))
    text = step.text if may_value or step.instead is None else step.instead
    return [_time(step.time), _clean(text), rules, purse.bare(step.balance), purse.bare(step.remaining)]


def _time(moment: str | None) -> str:
    return "–" if moment is None else moment[:19].replace("T", " ")


def _clean(text: str) -> str:
    return clean(text, TEXT_MAX)

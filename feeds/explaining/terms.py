"""A grant's frozen terms, for people."""

from collections.abc import Mapping, Sequence

import msgspec

from engine.state import Grant, GrantTerms
from feeds.explaining.amounts import Purse, micro


class TermsShown(msgspec.Struct, frozen=True):
    """The terms as they were frozen when the grant was created; amounts in minor units, contributions in percent.

    `words` says the same in sentences.
    """

    grant_id: str
    campaign_id: str
    multiplier: str
    wager_total: int
    min_bet: int | None
    max_bet: int | None
    over_max_bet: str
    max_bet_counts: str
    excluded_games: Sequence[str]
    excluded_policy: str
    contribution_games: Mapping[str, int]
    contribution_types: Mapping[str, int]
    max_cashout: int | None
    min_average_bet: int | None
    funds_order: str | None
    cancel_on_withdrawal: bool
    words: Sequence[str]


def terms_shown(grant: Grant, purse: Purse) -> TermsShown:
    """A grant's terms."""
    terms = grant.terms
    return TermsShown(
        grant_id=grant.grant_id,
        campaign_id=grant.campaign_id,
        multiplier=micro(terms.multiplier_micro),
        wager_total=grant.wager_total,
        min_bet=terms.min_bet,
        max_bet=terms.max_bet,
        over_max_bet=terms.over_max_bet,
        max_bet_counts=terms.max_bet_counts,
        excluded_games=terms.excluded_games,
        excluded_policy=terms.excluded_policy,
        contribution_games=terms.contribution_games,
        contribution_types=terms.contribution_types,
        max_cashout=terms.max_cashout,
        min_average_bet=terms.min_average_bet,
        funds_order=terms.funds_order,
        cancel_on_withdrawal=terms.cancel_on_withdrawal,
        words=list(_words(grant, terms, purse)),
    )


def _words(grant: Grant, terms: GrantTerms, purse: Purse) -> Sequence[str]:
    said = [f"To be wagered: {purse.said(grant.wager_total)} (multiplier {micro(terms.multiplier_micro)})."]
    said += _on_bets(terms, purse)
    if terms.excluded_games:
        policy = (
            "the bonus's money can't be staked" if terms.excluded_policy == "real_only" else "bets make no progress"
        )
        said.append(f"On {', '.join(terms.excluded_games)} {policy}.")
    shares = [
        f"{name} {share} %" for name, share in (*terms.contribution_games.items(), *terms.contribution_types.items())
    ]
    if shares:
        said.append(f"Of a stake counts: {', '.join(shares)}; elsewhere what games.yaml says.")
    if terms.max_cashout is not None:
        said.append(f"At most {purse.said(terms.max_cashout)} become real money.")
    if terms.funds_order is not None:
        said.append(f"{'Real' if terms.funds_order == 'real_first' else 'Bonus'} money is staked first.")
    if terms.cancel_on_withdrawal:
        said.append("A withdrawal ends it.")
    return said


def _on_bets(terms: GrantTerms, purse: Purse) -> Sequence[str]:
    said = []
    if terms.min_bet is not None:
        said.append(f"A stake counts from {purse.said(terms.min_bet)} on.")
    if terms.max_bet is not None:
        what = "The stakes of a round together" if terms.max_bet_counts == "round" else "A stake"
        over = {
            "reject": "anything above is refused",
            "not_counted": "anything above does not count",
            "cancel": "anything above cancels the bonus",
        }[terms.over_max_bet]
        said.append(f"{what} may be at most {purse.said(terms.max_bet)}; {over}.")
    if terms.min_average_bet is not None:
        said.append(f"The mean of the stakes that count must be at least {purse.said(terms.min_average_bet)}.")
    return said

"""Money and risk: what is owed, how fast budgets burn, which limits are hit. For finance and risk."""

from typing import Final

from deploy.dashboards.model import Dashboard, Panel, Query, Row, Text, house, or_zero, per_hour

USED, BUDGET = house("campaign_budget_used_eur", "campaign"), house("campaign_budget_eur", "campaign")
ACTIVE = house('campaign_awards{state="active"}', "campaign")
BURN: Final = "max by (campaign) (deriv(campaign_budget_used_eur[1h])) * 3600"
"""EUR per hour."""
LIMITS: Final = "bonus_max_bet|bet_above_max|bet_below_min|bonus_would_be_lost|not_eligible|grant_declined|geo_blocked"
"""Refusals that tell of a limit, or of a verdict."""

LIABILITY = Row(
    "Liability",
    (
        Panel("Points would buy", "In EUR, at the rate of the catalog in force.",
              (Query(house("points_liability_eur")),), "EUR", "stat", width=6, height=5),
        Panel("Active bonuses", "Awards that still have something to play.",
              (Query(or_zero(f"sum({ACTIVE})")),), "none", "stat", width=6, height=5),
        Panel("Budgets: spent", "EUR reserved or granted, of all campaigns with a budget.",
              (Query(or_zero(f"sum({USED})")),), "EUR", "stat", width=6, height=5),
        Panel("Budgets: left", "EUR that campaigns with a budget may still grant.",
              (Query(or_zero(f"sum({BUDGET} - {USED})")),), "EUR", "stat", width=6, height=5),
        Text(
            "Liability to the cent",
            "Bonus balances, their expected release, points and free spins at face value are in the **report on "
            "liability**; opening, movements and closing per currency in the **daily closing** (`croupier report`). "
            "Prometheus sees what the store counts with the journal: awards, budgets and points.",
            height=3,
        ),
    ),
)  # fmt: skip

BUDGETS = Row(
    "Budgets",
    (
        Panel("Used", "Share of each budget that is reserved or granted.",
              (Query(f"{USED} / {BUDGET}", "{{campaign}}"),), "percentunit", "bargauge", worry=0.7, alarm=0.9),
        Panel("Burn", "EUR per hour, by campaign: the trend of the hour before.",
              (Query(BURN, "{{campaign}}"),), "EUR"),
        Panel("Hours left", "At the burn of the hour before; campaigns that burn nothing are at 1000.",
              (Query(f"clamp_max(({BUDGET} - {USED}) / clamp_min({BURN}, 0.001), 1000)", "{{campaign}}"),), "none",
              "bargauge"),
    ),
)  # fmt: skip

CASH = Row(
    "Cash",
    (
        Panel(
            "Deposits and withdrawals", "Per hour, by currency; withdrawals when they are confirmed.",
            (
                Query(per_hour("money_deposited_total", "currency"), "deposited {{currency}}"),
                Query(per_hour("money_withdrawn_total", "currency"), "withdrawn {{currency}}"),
            ), "none",
        ),
        Panel(
            "Net deposits of the day", "Deposits less withdrawals of the day before, by currency.",
            (Query("sum by (currency) (increase(money_deposited_total[1d])) - "
                   "sum by (currency) (increase(money_withdrawn_total[1d]))", "{{currency}}"),), "none",
        ),
        Panel(
            "Bonus money released", "Of the day before, by currency: what bonuses cost; and what reversals took back.",
            (
                Query("sum by (currency) (increase(bonus_money_released_total[1d]))", "released {{currency}}"),
                Query("sum by (currency) (increase(bonus_money_taken_back_total[1d]))", "taken back {{currency}}"),
            ), "none",
        ),
    ),
)  # fmt: skip

RISK = Row(
    "Limits and flags",
    (
        Panel(
            "Limits that were hit", "Refusals per hour by code.",
            (Query(or_zero(f'sum by (code) (increase(gateway_requests_total{{code=~"{LIMITS}"}}[1h]))'), "{{code}}"),),
            "none", stacked=True,
        ),
        Panel(
            "Flagged for an operator", "Rollbacks and results per hour whose money was no longer there: each waits.",
            (
                Query(per_hour("rollbacks_flagged_total"), "rollbacks"),
                Query(per_hour("refunded_results_flagged_total"), "results of refunded rounds"),
            ), "none", worry=1,
        ),
        Panel(
            "Bonuses declined", "Per hour: by fraud rules, limits or people.",
            (Query(per_hour("bonuses_declined_total"), "declined"),), "none",
        ),
        Panel(
            "Unproved and forbidden calls", "Requests per hour without a valid proof, or beyond the caller's role.",
            (Query(or_zero('sum by (code) (increase(gateway_requests_total{code=~"unauthenticated|forbidden"}[1h]))'),
                   "{{code}}"),), "none",
        ),
        Panel(
            "Beyond the client's rate", "Requests per hour by client, all refused; the keys file has the rates.",
            (Query(or_zero("sum by (client) (increase(gateway_rate_limited_total[1h]))"), "{{client}}"),), "none",
        ),
        Panel(
            "Command ids forgotten early", "Per hour: players with so many commands in 24 hours that old ids fell out.",
            (Query(per_hour("remembered_digests_dropped_total"), "ids"),), "none",
        ),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "croupier-money", "Croupier: money and risk",
    "What is owed, how fast budgets burn, which limits are hit.", (LIABILITY, BUDGETS, CASH, RISK),
)  # fmt: skip

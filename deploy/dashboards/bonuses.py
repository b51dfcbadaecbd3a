"""Bonus campaigns: who takes them, who completes them, what they cost. For marketing."""

from deploy.dashboards.model import Dashboard, Panel, Query, Row, Text, house, or_zero, per_hour

ISSUED, REDEEMED, EXPIRED, ACTIVE = (
    house(f'campaign_awards{{state="{state}"}}', "campaign") for state in ("issued", "redeemed", "expired", "active")
)
NET_COST = (
    "sum by (campaign, currency) (increase(bonus_money_released_total[1d]))"
    " - sum by (campaign, currency) (increase(bonus_money_taken_back_total[1d]))"
)
"""What was released in a day, less what reversals took back."""
NET_DEPOSITS = (
    "sum by (currency) (increase(money_deposited_total[1d])) - sum by (currency) (increase(money_withdrawn_total[1d]))"
)

TODAY = Row(
    "Now",
    (
        Panel("Active bonuses", "Awards that still have something to play.",
              (Query(or_zero(f"sum({ACTIVE})")),), "none", "stat", width=6, height=5),
        Panel("Issued so far", "Awards that reached a player, since the campaigns began.",
              (Query(or_zero(f"sum({ISSUED})")),), "none", "stat", width=6, height=5),
        Panel("Completed", "Share of the issued awards that paid out money.",
              (Query(or_zero(f"sum({REDEEMED}) / (sum({ISSUED}) > 0)")),), "percentunit", "stat", width=6, height=5),
        Panel("Expired", "Share of the issued awards that ran out of time.",
              (Query(or_zero(f"sum({EXPIRED}) / (sum({ISSUED}) > 0)")),), "percentunit", "stat", width=6, height=5),
    ),
)  # fmt: skip

ACTIVATION = Row(
    "Activation",
    (
        Panel(
            "New awards by campaign", "Awards that reached a player in the hour before.",
            (Query('max by (campaign) (delta(campaign_awards{state="issued"}[1h]))', "{{campaign}}"),),
            "none", width=12, stacked=True,
        ),
        Panel(
            "Active awards by campaign", "Awards that have something to play.",
            (Query(ACTIVE, "{{campaign}}"),), "none", width=12, stacked=True,
        ),
        Panel(
            "Bonuses per hour", "What became of bonuses in the hour before, over all campaigns.",
            (
                Query(per_hour("bonuses_granted_total"), "granted"),
                Query(per_hour("bonuses_redeemed_total"), "redeemed"),
                Query(per_hour("bonuses_expired_total"), "expired"),
                Query(per_hour("bonuses_declined_total"), "declined"),
            ), "none", width=12,
        ),
        Panel(
            "Free spins", "Free spins played since the shards were started; rolled back ones are taken out.",
            (Query("sum(freespins_used)", "played"),), "none", width=12,
        ),
    ),
)  # fmt: skip

COMPLETION = Row(
    "Completion",
    (
        Panel(
            "Completion by campaign", "Redeemed ÷ issued: the conversion of each campaign since it began.",
            (Query(f"{REDEEMED} / ({ISSUED} > 0)", "{{campaign}}"),), "percentunit", "bargauge", height=9,
        ),
        Panel(
            "Awards by campaign", "Issued, redeemed, expired and active awards since the campaign began.",
            (Query(house("campaign_awards", "campaign, state"), "{{campaign}} {{state}}"),), "none", "table",
            height=9, matrix=("campaign", "state"),
        ),
        Panel(
            "Wagering done at the end", "Mean share of the wagering that was done when a bonus ended, by shard.",
            (Query("avg(average_wager_completion_rate)", "mean"),), "percentunit", height=9,
        ),
    ),
)  # fmt: skip

COST = Row(
    "Cost",
    (
        Panel(
            "Cost by campaign", "Money released to players in the day before, less what reversals took back. "
            "Granted bonus money is no cost until it is released.",
            (Query(NET_COST, "{{campaign}} {{currency}}"),), "none", stacked=True,
        ),
        Panel(
            "Granted against released", "Bonus money of the day before, by currency.",
            (
                Query("sum by (currency) (increase(bonus_money_granted_total[1d]))", "granted {{currency}}"),
                Query("sum by (currency) (increase(bonus_money_released_total[1d]))", "released {{currency}}"),
            ), "none",
        ),
        Panel(
            "Budget used", "Share of each campaign's budget that is reserved or granted.",
            (Query(f'{house("campaign_budget_used_eur", "campaign")} / {house("campaign_budget_eur", "campaign")}',
                   "{{campaign}}"),), "percentunit", "bargauge", worry=0.7, alarm=0.9,
        ),
        Panel(
            "Net deposits per player in memory", "Deposits less withdrawals of the day before, divided by the players "
            "who play now: a figure of the day for ARPU, by currency.",
            (Query(f"({NET_DEPOSITS}) / scalar(sum(shard_resident_players) > 0)", "{{currency}}"),), "none", width=12,
        ),
        Panel(
            "Net deposits per registered player", "Deposits less withdrawals of the day before, by currency.",
            (Query(f'({NET_DEPOSITS}) / scalar({house("registered_players")} > 0)', "{{currency}}"),), "none", width=12,
        ),
        Text(
            "ARPU, GGR and NGR",
            "Prometheus does not see stakes and wins: a plain spin is counted by the journal alone. **ARPU by bonus "
            "cohort, GGR and NGR, and what bonuses cost against them, are reports**: they are reckoned to the cent "
            "from the archive (`croupier report`, `GET /reports/…`).",
        ),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "croupier-bonuses", "Croupier: bonus campaigns",
    "Who takes the campaigns, who completes them, what they cost.", (TODAY, ACTIVATION, COMPLETION, COST),
)  # fmt: skip

"""Loyalty: levels, points, and whether players come back. For those who run the programme."""

from deploy.dashboards.model import Dashboard, Panel, Query, Row, Text, house, or_zero, per_hour

REGISTERED = house("registered_players")
ON_LEVEL = house("players_on_level", "rung, level")
LOWEST = house('players_on_level{rung="0"}', "rung, level")

LEVELS = Row(
    "Levels",
    (
        Panel("Registered players", "Everybody who was ever registered.",
              (Query(REGISTERED),), "none", "stat", width=6, height=5),
        Panel("Above the lowest level", "Share of players who have climbed and still hold it.",
              (Query(or_zero(f"1 - sum({LOWEST}) / (sum({ON_LEVEL}) > 0)")),), "percentunit", "stat",
              width=6, height=5),
        Panel("Points available", "Points that players have and have not redeemed.",
              (Query(house("points_available")),), "short", "stat", width=6, height=5),
        Panel("Points per player", "Points available per registered player.",
              (Query(house("avg_points_per_user")),), "short", "stat", width=6, height=5),
        Panel("Level funnel", "Players who hold each level now.",
              (Query(ON_LEVEL, "{{rung}} {{level}}"),), "none", "bargauge"),
        Panel("Levels over time", "Players who hold each level.",
              (Query(ON_LEVEL, "{{rung}} {{level}}"),), "none", stacked=True),
        Panel("Climbs per hour", "By play, or forced by somebody.",
              (Query("sum by (reason) (increase(level_up_events[1h]))", "{{reason}}"),), "none"),
    ),
)  # fmt: skip

POINTS = Row(
    "Points",
    (
        Panel(
            "Points per hour", "Earned by bets, taken back with reversed bets, redeemed, and returned.",
            (
                Query(per_hour("points_accrued_total"), "earned"),
                Query(per_hour("points_reversed_total"), "taken back"),
                Query(per_hour("points_redeemed_total"), "redeemed"),
                Query(per_hour("points_returned_total"), "returned"),
            ), "short", width=12,
        ),
        Panel("Points available", "Over time: what could be redeemed at once.",
              (Query(house("points_available"), "points"),), "short", width=6),
        Panel("What they would buy", "In EUR, at the rate of the catalog in force.",
              (Query(house("points_liability_eur"), "EUR"),), "EUR", width=6),
        Panel(
            "Redeemed against earned", "Points redeemed ÷ points earned in the day before.",
            (Query(or_zero("sum(increase(points_redeemed_total[1d])) / (sum(increase(points_accrued_total[1d])) > 0)"),
                   "share"),), "percentunit", width=12,
        ),
        Panel("Points per player", "Points available per registered player.",
              (Query(house("avg_points_per_user"), "points"),), "short", width=12),
    ),
)  # fmt: skip

RETENTION = Row(
    "Retention, as far as the engine sees it",
    (
        Panel(
            "Playing now", "Players in memory ÷ registered players.",
            (Query(f"sum(shard_resident_players) / scalar({REGISTERED} > 0)", "share"),), "percentunit",
        ),
        Panel(
            "Coming back", "Players loaded in the hour before: they had been away, or their shard was replaced.",
            (Query(per_hour("shard_players_loaded_total"), "loaded"),), "none",
        ),
        Panel(
            "Leaving", "Players who were let go of in the hour before, because they had not played for a while.",
            (Query(per_hour("shard_players_passivated_total"), "let go"),), "none",
        ),
        Text(
            "Cohorts",
            "**Retention by level and ARPU by level are reports** with calendar cohorts (`croupier report`): what is "
            "here shows the trend within the day.",
            height=3,
        ),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "croupier-loyalty", "Croupier: loyalty",
    "Levels, points, and whether players come back.", (LEVELS, POINTS, RETENTION),
)  # fmt: skip

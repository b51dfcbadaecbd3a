"""The engine: is play served, how fast, and what holds it up. For operators."""

from typing import Final

from deploy.dashboards.model import Dashboard, Panel, Query, Row, or_zero, per_second, quantiles

FAILED: Final = (
    'gateway_requests_total{code=~"overloaded|shard_unavailable|journal_unavailable|outcome_unknown|internal_error"}'
)
"""Requests that Croupier could not serve, whatever was asked."""

SPINS = Row(
    "Spins",
    (
        Panel(
            "Ready", "1: every slot of players has a serving shard, as the gateway that knows least sees it.",
            (Query("min(gateway_ready)"),), "none", "stat", width=4, height=5,
        ),
        Panel(
            "Spins per second", "Whole spin requests, refused ones included.",
            (Query(per_second("spin_seconds_count")),), "reqps", "stat", width=4, height=5,
        ),
        Panel(
            "99 % of spins are faster than", "From the first byte of the request to its answer, in the gateway.",
            quantiles("spin_seconds", shares=(0.99,)), "s", "stat", width=4, height=5, worry=0.02, alarm=0.1,
        ),
        Panel(
            "Failed by Croupier", "Share of requests that were refused because Croupier could not serve them.",
            (Query(or_zero(f'{per_second(FAILED)} / {per_second("gateway_requests_total")}')),),
            "percentunit", "stat", width=4, height=5, worry=0.001, alarm=0.01,
        ),
        Panel(
            "Serving shards", "Shards that Prometheus reaches.",
            (Query('count(up{job="croupier-shard"} == 1)'),), "none", "stat", width=4, height=5,
        ),
        Panel(
            "Store full to", "From 85 % on new bets are refused; results and rollbacks go on.",
            (Query("max(store_fill_ratio)"),), "percentunit", "stat", width=4, height=5, worry=0.7, alarm=0.85,
        ),
        Panel(
            "Spins per second", "By what the shards made of them: new commands, repeats of known ones, refusals.",
            (
                Query(per_second("shard_commands_accepted_total"), "accepted"),
                Query(per_second("shard_commands_replayed_total"), "repeated"),
                Query(per_second("shard_commands_refused_total"), "refused"),
            ), "ops", stacked=True,
        ),
        Panel(
            "Latency in the gateway", "Whole spin requests. Quantiles are read from buckets, so they are approximate.",
            quantiles("spin_seconds", shares=(0.5, 0.95, 0.99, 0.999)), "s",
        ),
        Panel(
            "Handling in the shard", "Deciding, applying and encoding one spin, without waiting for the journal.",
            quantiles("spin_handle_seconds"), "s",
        ),
        Panel(
            "Requests by outcome", "All routes of all gateways; `ok` or the code of the refusal.",
            (Query(per_second("gateway_requests_total", "code"), "{{code}}"),), "reqps", width=10, stacked=True,
        ),
        Panel(
            "Requests by route", "All routes of all gateways.",
            (Query(f'topk(12, {per_second("gateway_requests_total", "route")})', "{{route}}"),), "reqps", width=6,
        ),
        Panel(
            "Switched off", "Kill-switches by what they stop; `croupier switch list` names them.",
            (Query("max by (kind) (switched_off)", "{{kind}}"),), "none", width=4,
        ),
        Panel(
            "Spin streams", "Open connections to the spin stream.",
            (Query("sum(gateway_streams)", "connections"),), "none", width=4,
        ),
    ),
)  # fmt: skip

JOURNAL = Row(
    "Journal and store",
    (
        Panel(
            "Commit time", "One append to the journal: every answer waits for its own.",
            quantiles("journal_commit_seconds"), "s",
        ),
        Panel(
            "Appends", "Batches written to the journal.",
            (Query(per_second("journal_commit_seconds_count", "shard"), "{{shard}}"),), "ops", stacked=True,
        ),
        Panel(
            "Transitions per append", "While one append is under way, the next batch gathers.",
            (
                Query(f'{per_second("journal_batch_size_sum")} / {per_second("journal_batch_size_count")}', "mean"),
                *quantiles("journal_batch_size", shares=(0.99,)),
            ), "none",
        ),
        Panel(
            "Store", "How full the store is, and whether new bets are stopped because of it.",
            (Query("max(store_fill_ratio)", "filled"), Query("max(shard_bets_stopped)", "bets stopped")),
            "percentunit", worry=0.7, alarm=0.85, width=6,
        ),
        Panel(
            "Failed appends", "Attempts by reason, and shards that wait for a store that refuses. docs/appends.md.",
            (
                Query(per_second("journal_failures_total", "reason"), "{{reason}}"),
                Query("sum(shard_suspended)", "suspended shards"),
                Query(per_second("journal_records_restored_total"), "records given back"),
            ), "none", worry=0.01, width=6,
        ),
        Panel(
            "Snapshots", "Players written per second.",
            (Query(per_second("shard_snapshots_written_total", "shard"), "{{shard}}"),), "ops", width=6,
        ),
        Panel(
            "CPU for snapshots", "Share of one core that each shard spends on snapshots; it is bounded.",
            (Query(per_second("shard_snapshot_cpu_seconds_total", "shard"), "{{shard}}"),), "percentunit",
            width=6,
        ),
    ),
)  # fmt: skip

SHARDS = Row(
    "Shards and recovery",
    (
        Panel(
            "Players in memory", "Each shard keeps players who play, and lets go of those who don't.",
            (Query("sum by (shard) (shard_resident_players)", "{{shard}}"),), "none", stacked=True, width=6,
        ),
        Panel(
            "Players loaded and let go", "Per second, over all shards.",
            (
                Query(per_second("shard_players_loaded_total"), "loaded"),
                Query(per_second("shard_players_passivated_total"), "let go"),
            ), "ops", width=6,
        ),
        Panel(
            "Players owing snapshots", "Whose entries their snapshots don't cover yet: a successor reads these.",
            (Query("sum by (shard) (shard_players_owing_snapshots)", "{{shard}}"),), "none", width=6,
        ),
        Panel(
            "Epochs", "An epoch is one life of a shard: a step is a take-over.",
            (Query("max by (shard) (shard_epoch)", "{{shard}}"),), "none", width=6,
        ),
        Panel(
            "Time to recover", "From claiming a shard to serving it; mean of the processes that run now.",
            (Query("sum by (shard) (shard_recovery_seconds_sum) / sum by (shard) (shard_recovery_seconds_count)",
                   "{{shard}}"),), "s",
        ),
        Panel(
            "What went wrong", "Per hour, over all shards. Poisoned players raised a bug and were loaded again.",
            (
                Query("sum(increase(shard_players_poisoned_total[1h]))", "players poisoned"),
                Query("sum(increase(shard_loads_failed_total[1h]))", "loads failed"),
                Query("sum(increase(shard_overloaded_total[1h]))", "overloaded"),
                Query("sum(increase(shard_not_owner_total[1h]))", "not the owner"),
            ), "none",
        ),
        Panel(
            "Due work", "Expiries and time-outs done per second; slots that are still to be swept after a new catalog.",
            (
                Query(per_second("due_work_done_total"), "done per second"),
                Query("sum(shard_due_slots_to_sweep)", "slots to sweep"),
            ), "none",
        ),
        Panel(
            "Look-ups", "Facts about other players that commands waited for, per second.",
            (Query(per_second("facts_looked_up_total"), "look-ups"),), "ops",
        ),
        Panel(
            "Clock skew", "How far a shard's clock is from the store's, in milliseconds.",
            (Query("max by (shard) (abs(shard_clock_skew_ms))", "{{shard}}"),), "none",
        ),
        Panel(
            "Archive as the shards see it", "Breaker of reading old bets: 0 closed, 1 half open, 2 open.",
            (Query("max by (shard) (archive_breaker_state)", "{{shard}}"),), "none", alarm=2,
        ),
        Panel(
            "CPU of gateways", "Cores in use.",
            (Query('sum by (instance) (rate(process_cpu_seconds_total{job="croupier-gateway"}[$__rate_interval]))',
                   "{{instance}}"),), "none", width=12,
        ),
        Panel(
            "Memory of gateways", "Resident bytes.",
            (Query('sum by (instance) (process_resident_memory_bytes{job="croupier-gateway"})', "{{instance}}"),),
            "bytes", width=12,
        ),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "croupier-engine", "Croupier: engine",
    "Is play served, how fast, and what holds it up.", (SPINS, JOURNAL, SHARDS),
)  # fmt: skip

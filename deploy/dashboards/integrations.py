"""Integrations: has everything left that should, and what holds it up. For operators."""

from deploy.dashboards.model import Dashboard, Panel, Query, Row, or_zero, per_hour, per_second, quantiles

READERS = Row(
    "Readers of the journal",
    (
        Panel("Behind by", "Age of the oldest record that has not left for good, by reader.",
              (Query("max by (reader) (reader_lag_seconds)", "{{reader}}"),), "s", worry=60, alarm=600),
        Panel("Records behind", "Records that have not left, by reader.",
              (Query("sum by (reader) (reader_lag_records)", "{{reader}}"),), "none"),
        Panel("Position", "Records per second that have left for good, by reader.",
              (Query("sum by (reader) (rate(reader_position[$__rate_interval]))", "{{reader}}"),), "ops"),
        Panel("Stalls per hour", "Why a reader did not go on; players of whom nothing is passed on any more.",
              (
                  Query(per_hour("reader_stalled_total", "reader, reason"), "{{reader}} {{reason}}"),
                  Query("sum by (reader) (reader_stopped_players)", "players stopped: {{reader}}"),
              ), "none"),
        Panel("Breakers", "0 closed, 1 half open, 2 open: nothing is asked until the next probe.",
              (Query("max by (breaker) (breaker_state)", "{{breaker}}"),), "none", alarm=2),
        Panel("Kept in the store", "Bytes of the journal that the store keeps because the archive has not taken them.",
              (Query("max(journal_held_bytes)", "bytes"), Query("max(reader_behind)", "over its limit")), "bytes"),
    ),
)  # fmt: skip

ARCHIVE = Row(
    "Archive",
    (
        Panel("Records archived", "Per second, on the disk of the spool.",
              (Query(per_second("archive_records_total"), "records"),), "ops"),
        Panel("Waiting in the spool", "Segments that wait to be stored.",
              (Query("sum(archive_segments_waiting)", "segments"),), "none"),
        Panel("Spool", "Bytes on the disk; 1 as `full` while no more records are taken.",
              (Query("sum(archive_spool_bytes)", "bytes"), Query("max(archive_spool_full)", "full")), "bytes"),
        Panel(
            "Segments", "Segments and bytes stored per hour, compressed.",
            (
                Query(per_hour("archive_segments_total"), "segments"),
                Query(per_hour("archive_segment_bytes_total"), "bytes"),
            ), "short",
        ),
        Panel(
            "Trouble per hour", "Gaps are records that nobody can bring back; duplicates came again after a restart.",
            (
                Query(per_hour("archive_gaps_total"), "gaps"),
                Query(per_hour("archive_upload_failures_total"), "uploads failed"),
                Query(per_hour("archive_duplicates_total"), "duplicates"),
            ), "none",
        ),
        Panel(
            "Personal fields", "Entries sealed per hour, and players whose keys were destroyed.",
            (
                Query(per_hour("archive_sealed_entries_total"), "entries sealed"),
                Query(per_hour("archive_erased_players_total"), "players erased"),
            ), "none",
        ),
    ),
)  # fmt: skip

BUS = Row(
    "Event bus",
    (
        Panel("Delivered", "Public events that the brokers acknowledged, per second.",
              (Query(per_second("bus_out_delivered_total"), "events"),), "ops"),
        Panel("Waiting to leave", "Public events that are not acknowledged yet.",
              (Query("sum(bus_out_waiting_events)", "events"),), "none"),
        Panel("Stopped", "1 while the bus rests before it begins again, and why.",
              (Query(or_zero("max by (reason) (bus_out_stopped)"), "{{reason}}"),), "none", alarm=1),
        Panel("Came in", "Messages by what became of them, per second.",
              (Query(or_zero("sum by (topic, outcome) (rate(bus_in_events_total[$__rate_interval]))"),
                     "{{topic}} {{outcome}}"),), "ops"),
        Panel(
            "Still to come in", "Messages that are not finished, by topic; those in memory.",
            (
                Query(or_zero("sum by (topic) (bus_in_lag_records)"), "{{topic}}"),
                Query(or_zero("sum(bus_in_waiting_events)"), "in memory"),
            ), "none",
        ),
        Panel(
            "Trouble", "Partitions that are paused now, places that were lost, and dead letters per hour by code.",
            (
                Query(or_zero("sum by (topic) (bus_in_paused)"), "paused {{topic}}"),
                Query(or_zero("sum(bus_in_stalled_total)"), "places lost"),
                Query(or_zero("sum by (code) (increase(bus_in_dead_letters_total[1h]))"), "dead: {{code}}"),
            ), "none",
        ),
    ),
)  # fmt: skip

TOLD = Row(
    "Webhooks and notices",
    (
        Panel("Deliveries", "Attempts and events per hour, by endpoint and by what became of them.",
              (Query(or_zero(per_hour("webhook_deliveries_total", "endpoint, outcome")), "{{endpoint}} {{outcome}}"),),
              "none"),
        Panel("Answered within", "95 % of the attempts that were answered, by endpoint.",
              quantiles("webhook_latency_seconds", "endpoint", (0.95,)), "s"),
        Panel(
            "Owed", "Events that wait to be delivered, by endpoint; 1 for an endpoint that is disabled.",
            (
                Query(or_zero("sum by (endpoint) (webhook_owed)"), "{{endpoint}}"),
                Query(or_zero("max by (endpoint) (webhook_disabled)"), "{{endpoint}} disabled"),
            ), "none",
        ),
        Panel("Notices", "Per hour, by channel and by what became of them.",
              (Query(or_zero(per_hour("notices_total", "channel, outcome")), "{{channel}} {{outcome}}"),), "none"),
        Panel("Sent after", "95 % of the notices, from when they were due, by channel.",
              quantiles("notice_delay_seconds", "channel", (0.95,)), "s"),
        Panel(
            "Watched and waiting", "Notices that wait to be sent; bonuses and points that are watched.",
            (
                Query(or_zero("sum(notices_waiting)"), "waiting"),
                Query(or_zero("sum by (of) (notice_timers)"), "watched: {{of}}"),
            ), "none",
        ),
    ),
)  # fmt: skip

PROOF = Row(
    "Audit and reports",
    (
        Panel("Audit tree", "Leaves: archived entries and entries of the control log.",
              (Query("max(audit_tree_size)", "leaves"),), "short", width=6),
        Panel("Not covered by a checkpoint for", "How long the oldest leaf has waited for a signed checkpoint.",
              (Query("max(audit_checkpoint_age_seconds)", "age"),), "s", width=6, worry=300, alarm=600),
        Panel(
            "Checkpoints", "Per hour: signed ones, and attempts that failed and are repeated.",
            (
                Query(per_hour("audit_checkpoints_total"), "signed"),
                Query(per_hour("audit_failures_total"), "failed attempts"),
            ), "none", width=6,
        ),
        Panel("Receipts", "Asked for per hour, by outcome.",
              (Query(or_zero(per_hour("audit_receipts_total", "outcome")), "{{outcome}}"),), "none", width=6),
        Panel(
            "Publishing", "Checkpoints that wait, that arrived and that failed per hour, by destination.",
            (
                Query(or_zero("max by (destination) (audit_publish_waiting)"), "{{destination}} waiting"),
                Query(or_zero(per_hour("audit_published_total", "destination")), "{{destination}} arrived"),
                Query(or_zero(per_hour("audit_publish_failures_total", "destination")), "{{destination}} failed"),
            ), "none", width=6,
        ),
        Panel("Control log", "Entries that were dropped because the store took none for too long: 0 is right.",
              (Query("sum(control_log_dropped_total)", "dropped"),), "none", width=6, alarm=1),
        Panel("Control log in the store", "Entries: 100 000, and what waits for the archive. A million are the most.",
              (Query("max(control_log_entries)", "entries"),), "short", width=6, worry=500_000, alarm=900_000),
        Panel(
            "Scheduled reports", "Delivered, failed and differing per day; hours overdue.",
            (
                Query(or_zero("sum by (schedule) (increase(reports_delivered_total[1d]))"), "{{schedule}} delivered"),
                Query(or_zero("sum by (schedule) (increase(reports_delivery_failures_total[1d]))"),
                      "{{schedule}} failed"),
                Query(or_zero("max by (schedule) (reports_overdue_seconds) / 3600"), "{{schedule}} overdue (h)"),
                Query(or_zero("sum by (report) (increase(report_unreconciled_total[1d]))"), "{{report}} differs"),
            ), "none", width=6,
        ),
    ),
)  # fmt: skip

CATALOG = Row(
    "Catalog folder",
    (
        Panel(
            "Followed", "1 while what is in force is what the folder holds. Only where a gateway watches the folder.",
            (Query(or_zero("min(catalog_followed)"), "followed"),), "none", width=12,
        ),
        Panel("Refused", "Broken catalogs in the folder, per hour: the one in force stays.",
              (Query(or_zero(per_hour("catalog_refused_total")), "refused"),), "none", width=12),
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "croupier-integrations", "Croupier: integrations",
    "Has everything left that should, and what holds it up.", (READERS, ARCHIVE, BUS, TOLD, PROOF, CATALOG),
)  # fmt: skip

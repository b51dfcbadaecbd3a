-- title: Wagering completion
-- description: How far the bonuses that were created in the period have come until its end.
-- roles: [marketing_manager, auditor]
-- columns:
--   - {name: campaign_id, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: bonuses, type: count, words: "Bonuses created in the period, declined ones apart; winnings of free spins are bonuses, too."}
--   - {name: due, type: money, words: "How much is to be wagered for them, what free spins added included."}
--   - {name: wagered, type: money, words: How much of it was wagered.}
--   - {name: open, type: count, words: Still open at the end of the period.}
--   - {name: completed, type: count, words: "Wagered to the end, with money or without."}
--   - {name: expired, type: count, words: Ended by their date.}
--   - {name: cancelled, type: count, words: "Given up, taken by a withdrawal, or cancelled by a rule."}
--   - {name: completion, type: ratio, words: "Completed ÷ all that ended."}
--   - {name: progress, type: ratio, words: Wagered ÷ due.}
--   - {name: hours_to_complete, type: count, words: "Of the completed ones: hours from creation to completion, in the mean."}
-- charts:
--   - {kind: figures, title: Bonuses, y: [bonuses, completed, expired, cancelled, open]}
--   - {kind: stacked, title: What became of them, x: campaign_id, y: [completed, open, expired, cancelled]}
--   - {kind: bar, title: Progress, x: campaign_id, y: [progress]}
-- definitions:
--   Completion: Completed ÷ (completed + expired + cancelled) of the bonuses created in the period.
WITH cohort AS (
    SELECT player_id, grant_id, campaign_id, currency, exponent, wager, time FROM bonuses
    WHERE event = 'GrantCreated' AND state <> 'declined' AND time >= $from AND time < $to
), states AS (
    SELECT player_id, grant_id, arg_max(state, (version, n)) AS state, max(time) FILTER (state = 'completed') AS ended
    FROM bonuses WHERE state IS NOT NULL AND event <> 'PlayerNotified' AND time < $to GROUP BY ALL
), moved AS (
    SELECT player_id, grant_id, sum(wagered) AS wagered, sum(wager) AS wager FROM (
        SELECT player_id, grant_id, counted AS wagered, wager_added AS wager FROM bets
        WHERE grant_id IS NOT NULL AND event <> 'RoundReversed' AND time < $to
        UNION ALL
        SELECT player_id, grant_id, wagered, wager FROM bonuses WHERE event = 'RoundReversed' AND time < $to
    ) GROUP BY ALL
), each_one AS (
    SELECT c.*, coalesce(s.state, 'initiated') AS state, s.ended,
        c.wager + coalesce(m.wager, 0) AS due, coalesce(m.wagered, 0) AS wagered
    FROM cohort AS c LEFT JOIN states AS s USING (player_id, grant_id) LEFT JOIN moved AS m USING (player_id, grant_id)
)
SELECT campaign_id, currency, exponent, count(*) AS bonuses, sum(due)::BIGINT AS due, sum(wagered)::BIGINT AS wagered,
    count(*) FILTER (state IN ('initiated', 'granted', 'in_wager')) AS open,
    count(*) FILTER (state = 'completed') AS completed,
    count(*) FILTER (state = 'expired') AS expired,
    count(*) FILTER (state IN ('cancelled', 'declined')) AS cancelled,
    round(count(*) FILTER (state = 'completed')
          / nullif(count(*) FILTER (state NOT IN ('initiated', 'granted', 'in_wager')), 0), 6) AS completion,
    round(sum(wagered) / nullif(sum(due), 0), 6) AS progress,
    round(avg(epoch_ms(ended) - epoch_ms(time)) FILTER (state = 'completed') / 3600000)::BIGINT AS hours_to_complete
FROM each_one
GROUP BY campaign_id, currency, exponent
ORDER BY bonuses DESC, campaign_id, currency

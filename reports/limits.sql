-- title: Limits and fraud verdicts
-- description: Awards that rules held back or refused, and results that wait for an operator.
-- roles: [auditor, marketing_manager, support]
-- columns:
--   - {name: kind, type: text, words: "award: a bonus and the rules of fraud and limits. bonus: a bonus that was cancelled or held later. flag: a refused result or rollback."}
--   - {name: verdict, type: text, words: "allow, review or deny; cancelled or held; for flags the code of the refusal."}
--   - {name: reason, type: text, words: "Why; an award with several reasons is counted in each."}
--   - {name: campaign_id, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: cases, type: count}
--   - {name: players, type: count}
--   - {name: amount, type: money, words: "The bonuses' amounts, or the amounts of the flags."}
--   - {name: cleared, type: count, words: Flags that an operator dealt with in the period.}
-- charts:
--   - {kind: bar, title: Cases by reason, x: reason, y: [cases]}
--   - {kind: stacked, title: Cases by verdict, x: verdict, by: kind, y: [cases]}
-- definitions:
--   Verdict: "What the rules said when the bonus was awarded. deny: it was declined. review: it waits for an operator."
WITH told AS (
    SELECT 'award' AS kind, CASE WHEN state = 'declined' THEN 'deny' ELSE verdict END AS verdict,
        unnest(CASE WHEN len(reasons) > 0 THEN reasons ELSE ['none'] END) AS reason, campaign_id, player_id, currency,
        exponent, amount, 1 AS cases, 0 AS cleared
    FROM bonuses
    WHERE event = 'GrantCreated' AND (state = 'declined' OR verdict <> 'allow' OR len(reasons) > 0)
        AND time >= $from AND time < $to
    UNION ALL
    SELECT 'bonus', CASE b.event WHEN 'GrantHeld' THEN 'held' ELSE 'cancelled' END, b.reasons[1],
        b.campaign_id, b.player_id, b.currency, b.exponent, coalesce(g.amount, 0), 1, 0
    FROM bonuses AS b LEFT JOIN grants AS g USING (player_id, grant_id)
    WHERE (b.event = 'GrantHeld' OR (b.event = 'GrantCancelled' AND NOT b.never_granted))
        AND b.time >= $from AND b.time < $to
    UNION ALL
    SELECT 'flag', code, 'none', NULL, player_id, currency, exponent,
        CASE WHEN event = 'FlaggedForOperator' THEN amount ELSE 0 END,
        CAST(event = 'FlaggedForOperator' AS INTEGER), CAST(event = 'FlagCleared' AS INTEGER)
    FROM risk WHERE time >= $from AND time < $to
)
SELECT kind, verdict, reason, campaign_id, currency, exponent, sum(cases)::BIGINT AS cases,
    count(DISTINCT player_id) AS players, sum(amount)::BIGINT AS amount, sum(cleared)::BIGINT AS cleared
FROM told
GROUP BY ALL
ORDER BY kind, cases DESC, verdict, reason, campaign_id NULLS FIRST, currency

-- title: Free spins
-- description: How many free spins were given, used and lost in the period, and what they won.
-- roles: [marketing_manager, auditor]
-- columns:
--   - {name: campaign_id, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: packages, type: count, words: Packages of free spins that were granted.}
--   - {name: granted, type: count, words: Free spins in them.}
--   - {name: used, type: count, words: "Free spins that were used, less those that a reversal gave back."}
--   - {name: expired, type: count, words: Free spins that ran out of time.}
--   - {name: cancelled, type: count, words: Free spins that were given up.}
--   - {name: face_value, type: money, words: "The used free spins at their stake; nothing was taken for them."}
--   - {name: won, type: money, words: "What they won, as it was credited."}
--   - {name: released, type: money, words: "Of their winnings, what reached real wallets: paid at once, or wagered to the end."}
--   - {name: use, type: ratio, words: "Used ÷ (used + expired + cancelled)."}
-- charts:
--   - {kind: figures, title: Free spins, y: [granted, used, expired]}
--   - {kind: stacked, title: What became of free spins, x: campaign_id, y: [used, expired, cancelled]}
--   - {kind: bar, title: Won and released, x: campaign_id, y: [won, released]}
-- definitions:
--   Use: Of the free spins that came to an end in the period, the share that was played.
WITH spin AS (
    SELECT DISTINCT player_id, session_id, package_id FROM bets
    WHERE event = 'BetPlaced' AND mode = 'freespin' AND time < $to
), told AS (
    SELECT player_id, package_id, CAST(event = 'FreeSpinsGranted' AS INTEGER) AS packages,
        CASE WHEN event = 'FreeSpinsGranted' THEN spins ELSE 0 END AS granted, 0 AS used,
        CASE WHEN event = 'FreeSpinsExpired' THEN -spins ELSE 0 END AS expired,
        CASE WHEN event = 'FreeSpinsCancelled' THEN -spins ELSE 0 END AS cancelled, 0 AS won, 0 AS released
    FROM free_spins WHERE time >= $from AND time < $to
    UNION ALL
    SELECT player_id, package_id, 0, 0, spins, 0, 0, 0, 0
    FROM bets WHERE spins <> 0 AND time >= $from AND time < $to
    UNION ALL
    SELECT b.player_id, s.package_id, 0, 0, 0, 0, 0, -b.ggr_real - b.ggr_bonus, b.real - b.released
    FROM bets AS b JOIN spin AS s USING (player_id, session_id)
    WHERE b.event IN ('WinCredited', 'RoundReversed') AND b.time >= $from AND b.time < $to
    UNION ALL
    SELECT b.player_id, g.package_id, 0, 0, 0, 0, 0, 0, b.released
    FROM bonuses AS b JOIN grants AS g USING (player_id, grant_id)
    WHERE g.package_id IS NOT NULL AND b.released <> 0 AND b.time >= $from AND b.time < $to
)
SELECT p.campaign_id, p.currency, p.exponent,
    sum(t.packages)::BIGINT AS packages, sum(t.granted)::BIGINT AS granted, sum(t.used)::BIGINT AS used,
    sum(t.expired)::BIGINT AS expired, sum(t.cancelled)::BIGINT AS cancelled,
    sum(t.used * p.bet)::BIGINT AS face_value, sum(t.won)::BIGINT AS won, sum(t.released)::BIGINT AS released,
    round(sum(t.used) / nullif(sum(t.used + t.expired + t.cancelled), 0), 6) AS "use"
FROM told AS t JOIN packages AS p USING (player_id, package_id)
GROUP BY p.campaign_id, p.currency, p.exponent
ORDER BY granted DESC, campaign_id, currency

-- title: Loyalty points
-- description: Points that were earned, spent and lost, by day.
-- roles: [loyalty_admin, marketing_manager, auditor]
-- columns:
--   - {name: day, type: text, words: In the report's time zone.}
--   - {name: earned, type: points, words: Points that bets earned.}
--   - {name: reversed, type: points, words: "Points that undone bets took back, as a negative number."}
--   - {name: adjusted, type: points, words: "Points that operators added, less those they took."}
--   - {name: locked, type: points, words: "Points of redemptions that were requested, less those that came back."}
--   - {name: spent, type: points, words: "Points of redemptions that were confirmed, less those that were returned."}
--   - {name: expired, type: points, words: Points that expired.}
--   - {name: earners, type: count, words: Players who earned points.}
--   - {name: requests, type: count, words: Redemptions that were requested.}
--   - {name: confirmations, type: count, words: Redemptions that were confirmed.}
-- charts:
--   - {kind: figures, title: Points, y: [earned, spent, expired, adjusted]}
--   - {kind: line, title: Points earned and spent, x: day, y: [earned, spent]}
--   - {kind: stacked, title: Redemptions, x: day, y: [requests, confirmations]}
-- reconcile:
--   - {what: Available points of all players, counter: points, sql: "SELECT sum(points_micro)::BIGINT FROM (SELECT points_micro FROM bets UNION ALL SELECT points_micro FROM loyalty)"}
-- definitions:
--   Points: "Available points change by earned + reversed + adjusted − locked − expired; points that were locked are spent or come back."
WITH told AS (
    SELECT time, player_id, points_micro, event, 0 AS spent_micro, 0 AS expired_micro FROM bets
    WHERE points_micro <> 0 AND time >= $from AND time < $to
    UNION ALL
    SELECT time, player_id, points_micro, event, spent_micro, expired_micro FROM loyalty
    WHERE time >= $from AND time < $to
)
SELECT strftime(time AT TIME ZONE $time_zone, '%Y-%m-%d') AS day,
    coalesce(sum(points_micro) FILTER (event IN ('BetPlaced', 'BetReported')), 0)::BIGINT AS earned,
    coalesce(sum(points_micro) FILTER (event IN ('RoundReversed', 'ReportedBetReversed')), 0)::BIGINT AS reversed,
    coalesce(sum(points_micro) FILTER (event = 'PointsAdjusted'), 0)::BIGINT AS adjusted,
    -coalesce(sum(points_micro) FILTER (event IN ('RedemptionRequested', 'RedemptionEnded', 'PointsReturned')), 0)::BIGINT
        AS locked,
    sum(spent_micro)::BIGINT AS spent, sum(expired_micro)::BIGINT AS expired,
    count(DISTINCT player_id) FILTER (event IN ('BetPlaced', 'BetReported')) AS earners,
    count(*) FILTER (event = 'RedemptionRequested') AS requests,
    count(*) FILTER (event = 'RedemptionConfirmed') AS confirmations
FROM told
GROUP BY day
HAVING earned <> 0 OR reversed <> 0 OR adjusted <> 0 OR locked <> 0 OR spent <> 0 OR expired <> 0 OR requests <> 0
    OR confirmations <> 0
ORDER BY day

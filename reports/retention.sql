-- title: Retention by level
-- description: Of the players who registered in a month, how many played in the months after it, by the level they hold.
-- roles: [loyalty_admin, marketing_manager, auditor]
-- columns:
--   - {name: cohort, type: text, words: "The month of registration; all: every month together."}
--   - {name: level, type: text, words: "The level at the end of the period; all: every level together."}
--   - {name: month, type: count, words: "Months since the cohort's own: 0 is the month of registration."}
--   - {name: players, type: count, words: "Players of the cohort, as far as the month lies in the period."}
--   - {name: active, type: count, words: Those of them who placed a bet in that month.}
--   - {name: retention, type: ratio, words: Active ÷ players.}
-- charts:
--   - {kind: heatmap, title: Retention by month of registration, x: month, by: cohort, y: [retention], where: {level: all}, without: {cohort: all}}
--   - {kind: heatmap, title: Retention by level, x: month, by: level, y: [retention], where: {cohort: all}}
-- definitions:
--   Retention: "By calendar months in the report's time zone. A player is active in a month with at least one bet, of whatever kind. Only players who registered in the period are counted."
WITH people AS (
    SELECT r.player_id, date_trunc('month', r.time AT TIME ZONE $time_zone)::DATE AS cohort,
        coalesce(nullif(l.level, ''), 'none') AS level
    FROM registrations AS r
    LEFT JOIN (SELECT player_id, arg_max(level, from_time) AS level FROM levels WHERE from_time < $to GROUP BY player_id)
        AS l USING (player_id)
    WHERE r.time >= $from AND r.time < $to
), played AS (
    SELECT DISTINCT player_id, date_trunc('month', time AT TIME ZONE $time_zone)::DATE AS month
    FROM bets WHERE event IN ('BetPlaced', 'BetReported') AND time >= $from AND time < $to
), last_month AS (
    SELECT date_trunc('month', ($to::TIMESTAMPTZ - INTERVAL 1 MILLISECOND) AT TIME ZONE $time_zone)::DATE AS month
), spans AS (
    SELECT p.player_id, p.cohort, p.level, unnest(range(0, datediff('month', p.cohort, e.month) + 1)) AS month
    FROM people AS p CROSS JOIN last_month AS e
), seen AS (
    SELECT strftime(s.cohort, '%Y-%m') AS cohort, s.level, s.month, CAST(a.player_id IS NOT NULL AS INTEGER) AS active
    FROM spans AS s
    LEFT JOIN played AS a ON a.player_id = s.player_id AND datediff('month', s.cohort, a.month) = s.month
)
SELECT coalesce(cohort, 'all') AS cohort, coalesce(level, 'all') AS level, month::BIGINT AS month,
    count(*) AS players, sum(active)::BIGINT AS active, round(sum(active) / count(*), 6) AS retention
FROM seen
GROUP BY GROUPING SETS ((cohort, level, month), (cohort, month), (level, month), (month))
ORDER BY cohort, level, month

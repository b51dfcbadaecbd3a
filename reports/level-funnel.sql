-- title: Level funnel
-- description: How many players have reached each level, how many hold it now, and how they moved in the period.
-- roles: [loyalty_admin, marketing_manager, auditor]
-- columns:
--   - {name: level, type: text}
--   - {name: reached, type: count, words: Players who have held the level at any time until the end of the period.}
--   - {name: holding, type: count, words: Players who hold it at the end of the period.}
--   - {name: climbed, type: count, words: "Players who came to it by play in the period."}
--   - {name: fell, type: count, words: "Players who lost it in the period: by a downgrade or a reversal."}
--   - {name: forced, type: count, words: Times that an operator set it in the period.}
--   - {name: share, type: ratio, words: Reached ÷ all players with a level.}
--   - {name: hours_to_reach, type: count, words: "Hours from registration to the first time, in the mean."}
-- charts:
--   - {kind: bar, title: Players who have reached each level, x: level, y: [reached]}
--   - {kind: stacked, title: Moves in the period, x: level, y: [climbed, fell, forced]}
--   - {kind: bar, title: Players who hold each level, x: level, y: [holding]}
-- reconcile:
--   - {what: Registered players, counter: players, sql: "SELECT count(*) FROM registrations"}
-- definitions:
--   Order: "Levels are listed by how many players have reached them; everybody begins at the lowest."
WITH held AS (
    SELECT player_id, level, from_time, to_time FROM levels WHERE from_time < $to AND coalesce(level, '') <> ''
), firsts AS (
    SELECT h.player_id, h.level, min(h.from_time) AS first, any_value(r.time) AS registered
    FROM held AS h JOIN registrations AS r USING (player_id) GROUP BY ALL
), moves AS (
    SELECT player_id, new_level, old_level, reason, forced FROM loyalty
    WHERE event = 'LevelChanged' AND time >= $from AND time < $to
), everybody AS (
    SELECT count(DISTINCT player_id) AS players FROM held
), reached AS (
    SELECT level, count(*) AS reached,
        round(avg(epoch_ms(first) - epoch_ms(registered)) / 3600000)::BIGINT AS hours_to_reach
    FROM firsts GROUP BY level
)
SELECT r.level, r.reached,
    (SELECT count(*) FROM held AS h WHERE h.level = r.level AND (h.to_time IS NULL OR h.to_time >= $to)) AS holding,
    (SELECT count(DISTINCT player_id) FROM moves AS m WHERE m.new_level = r.level AND m.reason = 'play') AS climbed,
    (SELECT count(DISTINCT player_id) FROM moves AS m
     WHERE m.old_level = r.level AND m.reason IN ('downgrade', 'reversal')) AS fell,
    (SELECT count(*) FROM moves AS m WHERE m.new_level = r.level AND m.forced) AS forced,
    round(r.reached / nullif(e.players, 0), 6) AS share, r.hours_to_reach
FROM reached AS r CROSS JOIN everybody AS e
ORDER BY r.reached DESC, r.level

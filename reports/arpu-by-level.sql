-- title: ARPU by level
-- description: What an active player brings in, by the level that the player holds at the end of the period.
-- roles: [loyalty_admin, marketing_manager, auditor]
-- columns:
--   - {name: level, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: active, type: count, words: Players who placed at least one bet in the period.}
--   - {name: ggr, type: money, words: "Stakes − wins on real and bonus funds."}
--   - {name: bonus_cost, type: money, words: "Bonus money released to real wallets, cashback included."}
--   - {name: ngr, type: money, words: "GGR − bonus cost."}
--   - {name: arpu, type: money, words: "GGR ÷ active players, rounded to the minor unit."}
--   - {name: arpu_net, type: money, words: "NGR ÷ active players, rounded to the minor unit."}
-- charts:
--   - {kind: bar, title: ARPU by level, x: level, y: [arpu, arpu_net]}
--   - {kind: bar, title: GGR and bonus cost by level, x: level, y: [ggr, bonus_cost]}
--   - {kind: bar, title: Active players, x: level, y: [active]}
-- definitions:
--   ARPU: "Revenue per active player; players without a bet in the period are not counted."
WITH active AS (
    SELECT DISTINCT player_id FROM bets
    WHERE event IN ('BetPlaced', 'BetReported') AND time >= $from AND time < $to
), revenue AS (
    SELECT player_id, sum(ggr_real + ggr_bonus) AS ggr FROM bets WHERE time >= $from AND time < $to GROUP BY player_id
), cost AS (
    SELECT player_id, sum(released) AS cost FROM bonuses WHERE time >= $from AND time < $to GROUP BY player_id
), standing AS (
    SELECT player_id, arg_max(level, from_time) AS level FROM levels WHERE from_time < $to GROUP BY player_id
), sums AS (
    SELECT coalesce(nullif(s.level, ''), 'none') AS level, p.currency, p.exponent, count(a.player_id) AS active,
        coalesce(sum(r.ggr), 0)::BIGINT AS ggr, coalesce(sum(c.cost), 0)::BIGINT AS bonus_cost
    FROM registrations AS p
    LEFT JOIN active AS a USING (player_id) LEFT JOIN revenue AS r USING (player_id) LEFT JOIN cost AS c USING (player_id)
    LEFT JOIN standing AS s USING (player_id)
    WHERE a.player_id IS NOT NULL OR r.ggr IS NOT NULL OR coalesce(c.cost, 0) <> 0
    GROUP BY ALL
)
SELECT level, currency, exponent, active, ggr, bonus_cost, ggr - bonus_cost AS ngr,
    round(ggr / nullif(active, 0))::BIGINT AS arpu, round((ggr - bonus_cost) / nullif(active, 0))::BIGINT AS arpu_net
FROM sums
ORDER BY currency, arpu DESC NULLS LAST, level

-- title: ARPU by bonus cohort
-- description: What an active player brings in, by the campaign whose bonus the player got in the period, beside those without one.
-- roles: [marketing_manager, auditor]
-- columns:
--   - {name: cohort, type: text, words: "The campaign; a player with bonuses of several campaigns is counted in each. without a bonus: all others."}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: active, type: count, words: Players who placed at least one bet in the period.}
--   - {name: ggr, type: money, words: "Stakes − wins on real and bonus funds."}
--   - {name: bonus_cost, type: money, words: "Bonus money released to real wallets, of whatever campaign, cashback included."}
--   - {name: ngr, type: money, words: "GGR − bonus cost."}
--   - {name: arpu, type: money, words: "GGR ÷ active players, rounded to the minor unit."}
--   - {name: arpu_net, type: money, words: "NGR ÷ active players, rounded to the minor unit."}
-- charts:
--   - {kind: bar, title: ARPU by bonus cohort, x: cohort, y: [arpu, arpu_net]}
--   - {kind: bar, title: Active players, x: cohort, y: [active]}
-- definitions:
--   ARPU: "Revenue per active player; players without a bet in the period are not counted."
--   Cohorts: "Players choose bonuses, so a difference between cohorts is not the effect of the bonus alone."
WITH active AS (
    SELECT player_id, sum(ggr_real + ggr_bonus) AS ggr
    FROM bets WHERE time >= $from AND time < $to
    GROUP BY player_id HAVING count(*) FILTER (event IN ('BetPlaced', 'BetReported')) > 0
), cost AS (
    SELECT player_id, sum(released) AS cost FROM bonuses WHERE time >= $from AND time < $to GROUP BY player_id
), got AS (
    SELECT DISTINCT player_id, campaign_id FROM bonuses
    WHERE time >= $from AND time < $to
        AND ((event = 'GrantCreated' AND state = 'granted' AND package_id IS NULL) OR event = 'BonusGranted')
    UNION
    SELECT DISTINCT player_id, campaign_id FROM free_spins
    WHERE event = 'FreeSpinsGranted' AND time >= $from AND time < $to
), sums AS (
    SELECT coalesce(g.campaign_id, 'without a bonus') AS cohort, p.currency, p.exponent, count(*) AS active,
        sum(a.ggr)::BIGINT AS ggr, coalesce(sum(c.cost), 0)::BIGINT AS bonus_cost
    FROM active AS a JOIN registrations AS p USING (player_id)
    LEFT JOIN got AS g USING (player_id) LEFT JOIN cost AS c USING (player_id)
    GROUP BY ALL
)
SELECT cohort, currency, exponent, active, ggr, bonus_cost, ggr - bonus_cost AS ngr,
    round(ggr / active)::BIGINT AS arpu, round((ggr - bonus_cost) / active)::BIGINT AS arpu_net
FROM sums
ORDER BY currency, active DESC, cohort

-- title: Liability
-- description: What is owed to players at the end of the period, in money, bonus money, points and free spins.
-- roles: [auditor, marketing_manager]
-- columns:
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: players, type: count, words: Players registered in the currency.}
--   - {name: real, type: money, words: "Real money of all players, what withdrawals have reserved included."}
--   - {name: reserved, type: money, words: The part of it that open withdrawals have reserved.}
--   - {name: bonus, type: money, words: Money in bonus wallets.}
--   - {name: release_rate, type: ratio, words: "Of the bonus money whose bonuses have ended so far, the share that was released."}
--   - {name: expected_release, type: money, words: "Bonus money × release rate, rounded up."}
--   - {name: points, type: points, words: "Points that players have, those of open redemptions included."}
--   - {name: points_value, type: money, words: "What the points are worth at the rate of the currency's last redemption, rounded up; empty if there was none."}
--   - {name: free_spins, type: count, words: Free spins that are left and can still be used.}
--   - {name: free_spins_value, type: money, words: "Those free spins at their face value: number × stake."}
--   - {name: total, type: money, words: "Real money + expected release + points at their value + free spins at face value."}
-- charts:
--   - {kind: figures, title: Owed in all, y: [real, expected_release, points_value, free_spins_value]}
--   - {kind: bar, title: Beside real money, x: currency, y: [bonus, expected_release, points_value, free_spins_value]}
-- reconcile:
--   - {what: Registered players, counter: players, sql: "SELECT count(*) FROM registrations"}
-- ledger: true
-- definitions:
--   Liability: What would have to be paid if every player left now. Only the end of the period matters, not its beginning.
--   Expected release: "An estimate: bonuses that are open now are taken to end like those that ended before."
WITH purses AS (
    SELECT currency, exponent, sum(real) AS real, sum(bonus) AS bonus FROM movements WHERE time < $to GROUP BY ALL
), registered AS (
    SELECT currency, exponent, count(*) AS players FROM registrations WHERE time < $to GROUP BY ALL
), held AS (
    SELECT currency, sum(reserved) AS reserved FROM money WHERE time < $to GROUP BY currency
), ended AS (
    SELECT currency, sum(released) AS released, sum(removed) AS removed FROM bonuses WHERE time < $to GROUP BY currency
), collected AS (
    SELECT currency, sum(points_micro) AS points FROM (
        SELECT currency, points_micro FROM bets WHERE time < $to
        UNION ALL
        SELECT currency, points_micro + locked_micro FROM loyalty WHERE time < $to
    ) GROUP BY currency
), rate AS (
    SELECT currency, arg_max(amount, (time, player_id, version)) AS amount,
        arg_max(locked_micro, (time, player_id, version)) AS points
    FROM loyalty WHERE event = 'RedemptionRequested' AND time < $to GROUP BY currency
), left_over AS (
    SELECT player_id, package_id, sum(spins) AS spins FROM (
        SELECT player_id, package_id, spins FROM free_spins WHERE time < $to
        UNION ALL
        SELECT player_id, package_id, -spins FROM bets WHERE spins <> 0 AND time < $to
    ) GROUP BY ALL
), spins AS (
    SELECT p.currency, sum(l.spins) AS spins, sum(l.spins * p.bet) AS face
    FROM left_over AS l JOIN packages AS p USING (player_id, package_id)
    WHERE p.valid_to > $to GROUP BY p.currency
), owed AS (
    SELECT r.currency, r.exponent, r.players, coalesce(u.real, 0)::BIGINT AS real,
        coalesce(h.reserved, 0)::BIGINT AS reserved, coalesce(u.bonus, 0)::BIGINT AS bonus,
        coalesce(e.released, 0)::BIGINT AS released, (coalesce(e.released, 0) + coalesce(e.removed, 0))::BIGINT AS ended,
        coalesce(c.points, 0)::BIGINT AS points, t.amount AS rate_amount, t.points AS rate_points,
        coalesce(s.spins, 0)::BIGINT AS free_spins, coalesce(s.face, 0)::BIGINT AS free_spins_value
    FROM registered AS r
    LEFT JOIN purses AS u USING (currency) LEFT JOIN held AS h USING (currency) LEFT JOIN ended AS e USING (currency)
    LEFT JOIN collected AS c USING (currency) LEFT JOIN rate AS t USING (currency) LEFT JOIN spins AS s USING (currency)
), valued AS (
    SELECT *,
        CASE WHEN ended > 0 THEN (bonus::HUGEINT * released + ended - 1) // ended ELSE bonus END::BIGINT AS expected_release,
        CASE WHEN rate_points > 0
             THEN (points::HUGEINT * rate_amount + rate_points - 1) // rate_points END::BIGINT AS points_value
    FROM owed
)
SELECT currency, exponent, players, real, reserved, bonus,
    round(released / nullif(ended, 0), 6) AS release_rate, expected_release, points, points_value, free_spins,
    free_spins_value, real + expected_release + coalesce(points_value, 0) + free_spins_value AS total
FROM valued
ORDER BY currency

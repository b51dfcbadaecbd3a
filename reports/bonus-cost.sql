-- title: Bonus cost against GGR and NGR
-- description: What play brought in each day, what bonuses paid out, and what is left.
-- roles: [marketing_manager, auditor]
-- columns:
--   - {name: day, type: text, words: In the report's time zone.}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: ggr_real, type: money, words: "Stakes − wins on real funds."}
--   - {name: ggr_bonus, type: money, words: "Stakes − wins on bonus funds."}
--   - {name: ggr, type: money, words: Both together.}
--   - {name: bonus_cost, type: money, words: "Bonus money released to real wallets, cashback apart."}
--   - {name: cashback, type: money, words: Money that weekly cashback released to real wallets.}
--   - {name: ngr, type: money, words: "GGR − bonus cost − cashback."}
--   - {name: ngr_real, type: money, words: "GGR on real funds − bonus cost − cashback: what the house has earned in money."}
--   - {name: cost_share, type: ratio, words: Bonus cost and cashback ÷ GGR.}
-- charts:
--   - {kind: figures, title: The period, y: [ggr, bonus_cost, cashback, ngr]}
--   - {kind: line, title: GGR and NGR by day, x: day, y: [ggr, ngr]}
--   - {kind: stacked, title: What bonuses paid out, x: day, y: [bonus_cost, cashback]}
--   - {kind: stacked, title: GGR by funds, x: day, y: [ggr_real, ggr_bonus]}
-- ledger: true
-- definitions:
--   GGR: Stakes − wins on real and bonus funds; bets that were undone are taken out. Wins of free spins count as wins.
--   Bonus cost: Money released, not money granted.
--   NGR: GGR − bonus cost − cashback.
WITH told AS (
    SELECT time, currency, exponent, ggr_real, ggr_bonus, 0 AS bonus_cost, 0 AS cashback
    FROM bets WHERE time >= $from AND time < $to
    UNION ALL
    SELECT b.time, b.currency, b.exponent, 0, 0,
        CASE WHEN coalesce(b.campaign_id, g.campaign_id) = 'cashback' THEN 0 ELSE b.released END,
        CASE WHEN coalesce(b.campaign_id, g.campaign_id) = 'cashback' THEN b.released ELSE 0 END
    FROM bonuses AS b LEFT JOIN grants AS g USING (player_id, grant_id)
    WHERE b.released <> 0 AND b.time >= $from AND b.time < $to
), days AS (
    SELECT strftime(time AT TIME ZONE $time_zone, '%Y-%m-%d') AS day, currency, exponent,
        sum(ggr_real)::BIGINT AS ggr_real, sum(ggr_bonus)::BIGINT AS ggr_bonus,
        sum(bonus_cost)::BIGINT AS bonus_cost, sum(cashback)::BIGINT AS cashback
    FROM told GROUP BY ALL
)
SELECT day, currency, exponent, ggr_real, ggr_bonus, ggr_real + ggr_bonus AS ggr, bonus_cost, cashback,
    ggr_real + ggr_bonus - bonus_cost - cashback AS ngr,
    ggr_real - bonus_cost - cashback AS ngr_real,
    round((bonus_cost + cashback) / nullif(ggr_real + ggr_bonus, 0), 6) AS cost_share
FROM days
ORDER BY day, currency

-- title: Campaign performance
-- description: What became of each campaign's awards, what they cost, and how many players wagered them to the end.
-- roles: [marketing_manager, auditor]
-- columns:
--   - {name: campaign_id, type: text, words: The campaign.}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: issued, type: count, words: "Awards that reached a player: bonuses granted, and free spins that came without a bonus."}
--   - {name: opted_in, type: count, words: Bonuses that players opted in for.}
--   - {name: activated, type: count, words: "Awards whose bonus came into wager; winnings of free spins that came beside a bonus are part of its award."}
--   - {name: completed, type: count, words: "Awards that were wagered and paid out money, less those that a reversal reopened."}
--   - {name: expired, type: count, words: Bonuses that ended by their date after they were granted.}
--   - {name: awarded, type: money, words: Bonus money that came into the bonus wallet.}
--   - {name: wagered, type: money, words: "Stakes that counted for wagering, less what was reversed."}
--   - {name: cost, type: money, words: "Bonus money released to real wallets, and wins of free spins that pay at once."}
--   - {name: conversion, type: ratio, words: Completed ÷ issued.}
--   - {name: budget_used, type: micro_eur, words: "Bonus money of awards in EUR, as the campaign's budget counts it; awards that lapsed are returned."}
--   - {name: budget, type: micro_eur, words: "The campaign's budget in EUR, for all currencies together, as the catalog says at the period's end; empty without one."}
--   - {name: budget_left, type: micro_eur, words: "What is left of it at the period's end: budget − all that awards have used since the beginning, in all currencies."}
-- charts:
--   - {kind: figures, title: Awards, y: [issued, opted_in, completed, expired]}
--   - {kind: funnel, title: From award to pay-out, y: [issued, activated, completed]}
--   - {kind: bar, title: Conversion, x: campaign_id, y: [conversion]}
--   - {kind: bar, title: Cost, x: campaign_id, y: [cost]}
--   - {kind: bar, title: Awarded and wagered, x: campaign_id, y: [awarded, wagered]}
--   - {kind: bar, title: Budgets, x: campaign_id, y: [budget_used, budget_left]}
-- reconcile:
--   - what: Awards issued since the beginning
--     counters: true
--     sql: |
--       SELECT 'issued:' || campaign_id, count(*) FROM (
--         SELECT campaign_id FROM bonuses WHERE (event = 'GrantCreated' AND state = 'granted' AND package_id IS NULL)
--           OR (event = 'BonusGranted' AND bonus > 0)
--         UNION ALL
--         SELECT p.campaign_id FROM packages AS p
--         LEFT JOIN grants AS g ON g.player_id = p.player_id AND g.grant_id = 'g' || substr(p.package_id, 2) AND g.amount > 0
--         WHERE g.grant_id IS NULL
--       ) GROUP BY campaign_id
-- definitions:
--   Cost: Money released, not money granted.
--   Conversion: Completed ÷ issued, both as they happened in the period; a bonus may have been issued before it.
WITH alone AS (
    -- Packages that came without a bonus: their winnings speak for the award. A bonus and its package end in the same id.
    SELECT p.player_id, p.package_id, p.campaign_id, p.currency, p.exponent, p.time
    FROM packages AS p
    LEFT JOIN grants AS g ON g.player_id = p.player_id AND g.grant_id = 'g' || substr(p.package_id, 2) AND g.amount > 0
    WHERE g.grant_id IS NULL
), won_at_once AS (
    -- A win that came apart from its spin does not name the package: the spin's bet does.
    SELECT spin.player_id, spin.package_id, spin.currency, spin.exponent, sum(win.real) AS real
    FROM (SELECT DISTINCT player_id, session_id, package_id, currency, exponent FROM bets
          WHERE event = 'BetPlaced' AND mode = 'freespin' AND time < $to) AS spin
    JOIN (SELECT player_id, session_id, real FROM bets
          WHERE event IN ('WinCredited', 'RoundReversed') AND time >= $from AND time < $to) AS win
        USING (player_id, session_id)
    GROUP BY ALL
), burnt AS (
    SELECT coalesce(b.campaign_id, g.campaign_id) AS campaign_id,
        sum(CASE WHEN b.event = 'GrantCreated' AND b.award = 1 THEN b.amount_micro_eur
                 WHEN b.award = -1 THEN -coalesce(g.amount_micro_eur, 0) ELSE 0 END) AS used
    FROM bonuses AS b LEFT JOIN grants AS g USING (player_id, grant_id)
    WHERE b.time < $to GROUP BY 1
), told AS (
    SELECT coalesce(b.campaign_id, g.campaign_id) AS campaign_id, b.currency, b.exponent,
        CAST((b.event = 'GrantCreated' AND b.state = 'granted' AND b.package_id IS NULL)
             OR (b.event = 'BonusGranted' AND b.bonus > 0) AS INTEGER) AS issued,
        CAST(b.event = 'GrantClaimed' AS INTEGER) AS opted_in,
        CAST(b.event = 'GrantActivated' AND (g.package_id IS NULL OR a.package_id IS NOT NULL) AS INTEGER) AS activated,
        CASE WHEN g.package_id IS NOT NULL AND a.package_id IS NULL THEN 0
             WHEN b.event = 'BonusRedeemed' AND b.released > 0 THEN 1
             WHEN b.event = 'GrantReopened' AND b.released < 0 THEN -1 ELSE 0 END AS completed,
        CAST(b.event = 'GrantExpired' AND NOT b.never_granted AND g.package_id IS NULL AS INTEGER) AS expired,
        CASE WHEN b.event IN ('GrantCreated', 'BonusGranted') THEN b.bonus ELSE 0 END AS awarded,
        b.wagered AS wagered,
        b.released AS cost,
        CASE WHEN b.event = 'GrantCreated' AND b.award = 1 THEN b.amount_micro_eur
             WHEN b.award = -1 THEN -coalesce(g.amount_micro_eur, 0) ELSE 0 END AS budget_used
    FROM bonuses AS b
    LEFT JOIN (SELECT player_id, grant_id, campaign_id, package_id, amount_micro_eur FROM bonuses
               WHERE event = 'GrantCreated') AS g USING (player_id, grant_id)
    LEFT JOIN alone AS a ON a.player_id = b.player_id AND a.package_id = g.package_id
    WHERE b.time >= $from AND b.time < $to
    UNION ALL
    SELECT campaign_id, currency, exponent, 1, 0, 0, 0, 0, 0, 0, 0, 0
    FROM alone WHERE time >= $from AND time < $to
    UNION ALL
    SELECT g.campaign_id, b.currency, b.exponent, 0, 0, 0, 0, 0, 0, b.counted, 0, 0
    FROM bets AS b JOIN grants AS g USING (player_id, grant_id)
    WHERE b.counted <> 0 AND b.time >= $from AND b.time < $to
    UNION ALL
    SELECT p.campaign_id, w.currency, w.exponent, 0, 0, 0, 0, 0, 0, 0, w.real, 0
    FROM won_at_once AS w JOIN packages AS p USING (player_id, package_id)
    WHERE w.real <> 0
)
SELECT campaign_id, currency, exponent,
    sum(issued)::BIGINT AS issued, sum(opted_in)::BIGINT AS opted_in, sum(activated)::BIGINT AS activated,
    sum(completed)::BIGINT AS completed, sum(expired)::BIGINT AS expired, sum(awarded)::BIGINT AS awarded,
    sum(wagered)::BIGINT AS wagered, sum(cost)::BIGINT AS cost,
    round(sum(completed) / nullif(sum(issued), 0), 6) AS conversion,
    sum(budget_used)::BIGINT AS budget_used, any_value(budget)::BIGINT AS budget,
    any_value(budget - coalesce(used, 0))::BIGINT AS budget_left
FROM (
    SELECT *, TRY_CAST(json_extract_string($catalog::JSON, '$.budget_micro_eur."' || campaign_id || '"') AS BIGINT) AS budget
    FROM told LEFT JOIN burnt USING (campaign_id)
)
WHERE campaign_id IS NOT NULL
GROUP BY campaign_id, currency, exponent
ORDER BY issued DESC, campaign_id, currency

-- title: Game performance
-- description: Rounds, stakes and wins of each game, and whether its return to player is what it should be.
-- roles: [marketing_manager, auditor, ops]
-- parameters:
--   - {name: configured, words: "The return to player that games should have, as JSON: {\"book-of-dunes\": 0.965}; it goes before the catalog's.", default: "{}"}
-- columns:
--   - {name: game_id, type: text}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: rounds, type: count, words: "Rounds that ended, with stakes of money; free spins and undone rounds apart."}
--   - {name: players, type: count}
--   - {name: stakes, type: money, words: "Real and bonus money staked in them."}
--   - {name: wins, type: money, words: "Real and bonus money won in them."}
--   - {name: ggr, type: money, words: "Stakes − wins."}
--   - {name: rtp, type: ratio, words: "Return to player: wins ÷ stakes."}
--   - {name: rtp_low, type: ratio, words: "The true return lies above this, with 97.5 % confidence."}
--   - {name: rtp_high, type: ratio, words: "The true return lies below this, with 97.5 % confidence."}
--   - {name: configured, type: ratio, words: "What it should be: as the report was asked, else the field rtp of games.yaml at the period's end; empty if nobody said."}
--   - {name: verdict, type: text, words: "as configured: it lies within the interval. too few rounds: fewer than 30."}
-- charts:
--   - {kind: interval, title: Return to player with its confidence, x: game_id, y: [rtp_low, rtp, rtp_high, configured]}
--   - {kind: bar, title: GGR by game, x: game_id, y: [ggr]}
--   - {kind: bar, title: Stakes by game, x: game_id, y: [stakes]}
-- definitions:
--   RTP: Wins ÷ stakes of rounds that were opened and closed in the period; stakes and wins are real and bonus money.
--   Open rounds: "A round that was still open at the end of the period is left out, its stakes too: its wins came later."
--   Confidence: "95 %, from the spread of the rounds: 1.96 × the standard error of a ratio. Games with rare large wins need many rounds."
WITH rounds AS (
    -- A round's later events are never before its first stake: one that was opened and closed in the period lies in it.
    SELECT any_value(player_id) AS player_id, max(game_id) AS game_id, any_value(currency) AS currency,
        any_value(exponent) AS exponent,
        (coalesce(sum(-real - bonus) FILTER (event = 'BetPlaced'), 0)
         + coalesce(sum(ggr_real + ggr_bonus) FILTER (event = 'RoundReversed'), 0))::BIGINT AS staked,
        coalesce(sum(-ggr_real - ggr_bonus) FILTER (event = 'WinCredited'), 0)::BIGINT AS won
    FROM bets WHERE session_id IS NOT NULL AND time >= $from AND time < $to
    GROUP BY session_id
    HAVING bool_or(opens) AND bool_or(closes) AND NOT coalesce(bool_or(mode = 'freespin'), false)
        AND NOT bool_or(event = 'RoundReversed' AND closes)
), sums AS (
    SELECT game_id, currency, exponent, count(*) AS rounds, count(DISTINCT player_id) AS players,
        sum(staked) AS stakes, sum(won) AS wins,
        sum(won::DOUBLE * won) AS ww, sum(won::DOUBLE * staked) AS ws, sum(staked::DOUBLE * staked) AS ss
    FROM rounds WHERE staked > 0 GROUP BY ALL
), spread AS (
    SELECT *, wins / stakes AS rtp,
        CASE WHEN rounds > 1 THEN 1.959964 * sqrt(greatest(0, ww - 2 * (wins / stakes) * ws + (wins / stakes) ** 2 * ss)
             * rounds / (rounds - 1)) / stakes END AS half,
        TRY_CAST(coalesce(json_extract_string($configured::JSON, '$."' || game_id || '"'),
                          json_extract_string($catalog::JSON, '$.rtp."' || game_id || '"')) AS DOUBLE) AS configured
    FROM sums
)
SELECT game_id, currency, exponent, rounds, players, stakes::BIGINT AS stakes, wins::BIGINT AS wins,
    (stakes - wins)::BIGINT AS ggr, round(rtp, 6) AS rtp, round(rtp - half, 6) AS rtp_low,
    round(rtp + half, 6) AS rtp_high, configured,
    CASE WHEN configured IS NULL THEN NULL WHEN rounds < 30 THEN 'too few rounds'
         WHEN configured < rtp - half THEN 'above what is configured'
         WHEN configured > rtp + half THEN 'below what is configured' ELSE 'as configured' END AS verdict
FROM spread
ORDER BY stakes DESC, game_id, currency

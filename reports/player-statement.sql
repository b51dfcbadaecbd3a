-- title: Player statement
-- description: Every movement of one player's money, with the balances after it.
-- roles: [support, auditor]
-- parameters:
--   - {name: player_id, words: The player.}
-- columns:
--   - {name: time, type: time}
--   - {name: event, type: text, words: The event of the journal.}
--   - {name: reference, type: text, words: "The round, the bonus, the deposit or the withdrawal."}
--   - {name: game_id, type: text}
--   - {name: real, type: money, words: Change of the real money.}
--   - {name: bonus, type: money, words: Change of the bonus money.}
--   - {name: real_balance, type: money, words: Real money after it.}
--   - {name: bonus_balance, type: money, words: Bonus money after it.}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: version, type: count, words: "The player's version: by it the entry is found in the archive and its receipt."}
-- charts:
--   - {kind: line, title: Balances, x: time, y: [real_balance, bonus_balance]}
-- definitions:
--   Statement: "Only what moved money. Balances are added up from the player's first entry, whatever the period."
WITH named AS (
    SELECT player_id, version, n, session_id AS reference, game_id FROM bets WHERE player_id = $player_id
    UNION ALL
    SELECT player_id, version, n, transfer_id, NULL FROM money WHERE player_id = $player_id
    UNION ALL
    SELECT player_id, version, n, grant_id, NULL FROM bonuses WHERE player_id = $player_id AND event <> 'RoundReversed'
), running AS (
    SELECT *, sum(real) OVER so_far AS real_balance, sum(bonus) OVER so_far AS bonus_balance
    FROM movements WHERE player_id = $player_id AND time < $to
    WINDOW so_far AS (ORDER BY version, n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT r.time, r.event, m.reference, m.game_id, r.real, r.bonus, r.real_balance::BIGINT AS real_balance,
    r.bonus_balance::BIGINT AS bonus_balance, r.currency, r.exponent, r.version
FROM running AS r LEFT JOIN named AS m USING (player_id, version, n)
WHERE r.time >= $from
ORDER BY r.version, r.n

-- title: Daily closing
-- description: Opening balance, every movement and closing balance of all players' money, by day and currency.
-- roles: [auditor]
-- signed: true
-- columns:
--   - {name: day, type: text, words: In the report's time zone.}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: opening, type: money, words: "Real money of all players as the day began, what withdrawals have reserved included."}
--   - {name: deposits, type: money}
--   - {name: withdrawals, type: money, words: "Confirmed withdrawals, as a negative number."}
--   - {name: play, type: money, words: "Wins − stakes on real funds: what the players won, negative if they lost."}
--   - {name: released, type: money, words: Bonus money that became real money.}
--   - {name: closing, type: money, words: "Opening + deposits + withdrawals + play + released."}
--   - {name: bonus_opening, type: money, words: Bonus money of all players as the day began.}
--   - {name: bonus_granted, type: money, words: Bonus money that was granted.}
--   - {name: bonus_play, type: money, words: "Wins − stakes on bonus funds."}
--   - {name: bonus_released, type: money, words: "Bonus money that became real money, as a negative number."}
--   - {name: bonus_removed, type: money, words: "Bonus money that expired, was cancelled or was above a cap, as a negative number."}
--   - {name: bonus_closing, type: money, words: The sum of the five before it.}
--   - {name: difference, type: money, words: "Closing − the players' real balances added up independently; anything but 0 is an error."}
--   - {name: bonus_difference, type: money, words: "The same of bonus money."}
-- charts:
--   - {kind: figures, title: The period, y: [deposits, withdrawals, play, released]}
--   - {kind: line, title: Real money of all players, x: day, y: [closing]}
--   - {kind: stacked, title: Movements of real money, x: day, y: [deposits, released, play, withdrawals]}
-- ledger: true
-- definitions:
--   Closing: "opening + movements = closing, for each day and currency; days without movement are left out."
--   Play: The players' side of GGR on the same funds, with the opposite sign.
WITH told AS (
    SELECT time, currency, exponent, real AS balance, bonus AS bonus_balance, real + bonus AS both, 0 AS deposits,
        0 AS withdrawals, 0 AS play, 0 AS released, 0 AS granted, 0 AS bonus_play, 0 AS removed
    FROM movements WHERE time < $to
    UNION ALL
    SELECT time, currency, exponent, 0, 0, 0, CASE WHEN real > 0 THEN real ELSE 0 END,
        CASE WHEN real < 0 THEN real ELSE 0 END, 0, 0, 0, 0, 0
    FROM money WHERE time < $to
    UNION ALL
    SELECT time, currency, exponent, 0, 0, 0, 0, 0, -ggr_real, 0, 0, -ggr_bonus, 0 FROM bets WHERE time < $to
    UNION ALL
    SELECT time, currency, exponent, 0, 0, 0, 0, 0, 0, released,
        CASE WHEN event IN ('GrantCreated', 'BonusGranted') THEN bonus ELSE 0 END, 0, removed
    FROM bonuses WHERE time < $to
), days AS (
    SELECT strftime(time AT TIME ZONE $time_zone, '%Y-%m-%d') AS day, currency, exponent,
        sum(balance) AS balance, sum(bonus_balance) AS bonus_balance, sum(deposits) AS deposits,
        sum(withdrawals) AS withdrawals, sum(play) AS play, sum(released) AS released, sum(granted) AS granted,
        sum(bonus_play) AS bonus_play, sum(removed) AS removed, max(time) AS last,
        bool_or(balance <> 0 OR bonus_balance <> 0 OR deposits <> 0 OR play <> 0 OR bonus_play <> 0 OR released <> 0) AS moved
    FROM told GROUP BY ALL
), running AS (
    SELECT *,
        sum(deposits + withdrawals + play + released) OVER so_far AS closing,
        sum(granted + bonus_play - released - removed) OVER so_far AS bonus_closing,
        sum(balance) OVER so_far AS counted, sum(bonus_balance) OVER so_far AS bonus_counted
    FROM days WINDOW so_far AS (PARTITION BY currency ORDER BY day)
)
SELECT day, currency, exponent,
    (closing - deposits - withdrawals - play - released)::BIGINT AS opening, deposits::BIGINT AS deposits,
    withdrawals::BIGINT AS withdrawals, play::BIGINT AS play, released::BIGINT AS released, closing::BIGINT AS closing,
    (bonus_closing - granted - bonus_play + released + removed)::BIGINT AS bonus_opening,
    granted::BIGINT AS bonus_granted, bonus_play::BIGINT AS bonus_play, (-released)::BIGINT AS bonus_released,
    (-removed)::BIGINT AS bonus_removed, bonus_closing::BIGINT AS bonus_closing,
    (closing - counted)::BIGINT AS difference, (bonus_closing - bonus_counted)::BIGINT AS bonus_difference
FROM running
WHERE last >= $from AND moved
ORDER BY day, currency

-- title: Loyalty in detail
-- description: Each change of a player's points, and each redemption with its worth.
-- roles: [loyalty_admin, auditor]
-- columns:
--   - {name: time, type: time}
--   - {name: player_id, type: text}
--   - {name: event, type: text, words: The event of the journal.}
--   - {name: redemption_id, type: text}
--   - {name: session_id, type: text, words: The round that earned the points.}
--   - {name: available, type: points, words: Change of the available points.}
--   - {name: locked, type: points, words: Change of the points that wait for a confirmation.}
--   - {name: spent, type: points, words: Change of the points that were spent.}
--   - {name: expired, type: points}
--   - {name: worth, type: money, words: What a redemption is worth.}
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: reason, type: text}
-- definitions:
--   Points: Available + locked + spent + expired is all that a player ever had.
SELECT * EXCLUDE (version, n) FROM (
    SELECT time, player_id, event, NULL AS redemption_id, session_id, points_micro AS available, 0 AS locked, 0 AS spent,
        0 AS expired, NULL AS worth, currency, exponent, NULL AS reason, version, n
    FROM bets WHERE points_micro <> 0 AND time >= $from AND time < $to
    UNION ALL
    SELECT time, player_id, event, redemption_id, NULL, points_micro, locked_micro, spent_micro, expired_micro,
        CASE WHEN redemption_id IS NULL THEN NULL ELSE amount END, currency, exponent,
        CASE WHEN event = 'PointsAdjusted' THEN reason END, version, n
    FROM loyalty
    WHERE event IN ('PointsAdjusted', 'PointsExpired', 'PointsReturned', 'RedemptionRequested', 'RedemptionConfirmed',
                    'RedemptionEnded')
        AND time >= $from AND time < $to
)
ORDER BY time, player_id, version, n

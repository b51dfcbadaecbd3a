-- A whole spin in one statement, so one transaction (benchmarks/peers/rules.py says the same in Python).
-- The ledger row is the remembered answer: its primary key is what makes a command unique.

CREATE TABLE player (
    id          text PRIMARY KEY,
    real_money  bigint NOT NULL CHECK (real_money >= 0),
    bonus_money bigint NOT NULL CHECK (bonus_money >= 0),
    remaining   bigint NOT NULL CHECK (remaining >= 0),
    free_spins  bigint NOT NULL CHECK (free_spins >= 0),
    number      bigint NOT NULL
) WITH (fillfactor = 50);  -- room for the new row version on the same page, without touching the index

CREATE TABLE ledger (
    player_id   text NOT NULL,
    command     text NOT NULL,
    content     text NOT NULL,
    number      bigint NOT NULL,
    real_money  bigint NOT NULL,
    bonus_money bigint NOT NULL,
    remaining   bigint NOT NULL,
    free_spins  bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (player_id, command)
);

CREATE FUNCTION spin(
    _player text, _command text, _content text, _game text, _mode text, _bet bigint, _win bigint, _contribution bigint,
    OUT refusal text, OUT replayed bool, OUT number bigint, OUT real_money bigint, OUT bonus_money bigint,
    OUT remaining bigint, OUT free_spins bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    first      ledger%ROWTYPE;
    held       player%ROWTYPE;
    wagering   bool;
    from_bonus bigint;
    to_bonus   bigint;
BEGIN
    SELECT * INTO held FROM player WHERE id = _player FOR UPDATE;
    IF NOT FOUND THEN refusal := 'player_not_found'; RETURN; END IF;
    SELECT * INTO first FROM ledger WHERE player_id = _player AND command = _command;
    IF FOUND THEN
        IF first.content <> _content THEN refusal := 'idempotency_conflict'; RETURN; END IF;
        replayed := true; number := first.number; real_money := first.real_money; bonus_money := first.bonus_money;
        remaining := first.remaining; free_spins := first.free_spins;
        RETURN;
    END IF;
    IF _mode = 'freespin' THEN
        IF held.free_spins = 0 THEN refusal := 'no_free_spins'; RETURN; END IF;
        IF _game <> 'book-of-dunes' THEN refusal := 'free_spin_game_mismatch'; RETURN; END IF;
        IF _bet <> 10 THEN refusal := 'free_spin_bet_mismatch'; RETURN; END IF;
        held.free_spins := held.free_spins - 1;
        held.bonus_money := held.bonus_money + _win;
        held.remaining := held.remaining + 20 * _win;
    ELSE
        wagering := held.remaining > 0;
        IF wagering AND _bet > 500 THEN refusal := 'bonus_max_bet'; RETURN; END IF;
        IF _bet > held.real_money + (CASE WHEN wagering THEN held.bonus_money ELSE 0 END) THEN
            refusal := 'insufficient_funds'; RETURN;
        END IF;
        from_bonus := _bet - LEAST(held.real_money, _bet);
        to_bonus := _win * from_bonus / _bet;
        held.real_money := held.real_money + _win - to_bonus - (_bet - from_bonus);
        held.bonus_money := held.bonus_money + to_bonus - from_bonus;
        IF wagering THEN
            IF _bet >= 10 THEN
                held.remaining := held.remaining - LEAST(held.remaining, _bet * _contribution / 100);
            END IF;
            IF held.remaining = 0 OR (held.bonus_money = 0 AND held.free_spins = 0) THEN
                held.real_money := held.real_money + LEAST(held.bonus_money, 50000);
                held.bonus_money := 0;
                held.remaining := 0;
            END IF;
        END IF;
    END IF;
    held.number := held.number + 1;
    UPDATE player SET real_money = held.real_money, bonus_money = held.bonus_money, remaining = held.remaining,
        free_spins = held.free_spins, number = held.number WHERE id = _player;
    INSERT INTO ledger (player_id, command, content, number, real_money, bonus_money, remaining, free_spins)
        VALUES (_player, _command, _content, held.number, held.real_money, held.bonus_money, held.remaining,
            held.free_spins);
    replayed := false; number := held.number; real_money := held.real_money; bonus_money := held.bonus_money;
    remaining := held.remaining; free_spins := held.free_spins;
END $$;

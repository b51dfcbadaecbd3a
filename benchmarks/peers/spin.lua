#!lua name=peer

-- A whole spin in one atomic step (benchmarks/peers/rules.py says the same in Python).
-- Keys: the player's hash, the command's answer, the ledger stream.
-- Arguments: content, player, game, mode, bet, win, and the contribution in percent.
-- Answers {replayed, number, real, bonus, remaining, free_spins}, or a code.

local WAGER_BET_MIN, WAGER_BET_MAX, CASHOUT_MAX = 10, 500, 50000
local FREE_SPIN_GAME, FREE_SPIN_BET, FREE_SPIN_MULTIPLIER = 'book-of-dunes', 10, 20
local ANSWER_TTL_S = 86400

local function real_spin(a, bet, win, contribution)
  local wagering = a.remaining > 0
  if wagering and bet > WAGER_BET_MAX then return 'bonus_max_bet' end
  local usable = wagering and a.bonus or 0
  if bet > a.real + usable then return 'insufficient_funds' end
  local from_real = math.min(a.real, bet)
  local from_bonus = bet - from_real
  local to_bonus = math.floor(win * from_bonus / bet)
  a.real = a.real + win - to_bonus - from_real
  a.bonus = a.bonus + to_bonus - from_bonus
  if not wagering then return end
  if bet >= WAGER_BET_MIN then
    a.remaining = a.remaining - math.min(a.remaining, math.floor(bet * contribution / 100))
  end
  if a.remaining == 0 or (a.bonus == 0 and a.free_spins == 0) then
    a.real = a.real + math.min(a.bonus, CASHOUT_MAX)
    a.bonus, a.remaining = 0, 0
  end
end

local function free_spin(a, game, bet, win)
  if a.free_spins == 0 then return 'no_free_spins' end
  if game ~= FREE_SPIN_GAME then return 'free_spin_game_mismatch' end
  if bet ~= FREE_SPIN_BET then return 'free_spin_bet_mismatch' end
  a.free_spins = a.free_spins - 1
  a.bonus = a.bonus + win
  a.remaining = a.remaining + FREE_SPIN_MULTIPLIER * win
end

local function replay(stored, content)
  local first, answer = stored:match('^([^\n]*)\n(.*)$')
  if first ~= content then return 'idempotency_conflict' end
  local n, real, bonus, remaining, free = answer:match('^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  return {1, tonumber(n), tonumber(real), tonumber(bonus), tonumber(remaining), tonumber(free)}
end

local function spin(keys, args)
  local stored = redis.call('GET', keys[2])
  if stored then return replay(stored, args[1]) end
  local held = redis.call('HMGET', keys[1], 'real', 'bonus', 'remaining', 'free_spins', 'number')
  if not held[1] then return 'player_not_found' end
  local a = {
    real = tonumber(held[1]), bonus = tonumber(held[2]), remaining = tonumber(held[3]), free_spins = tonumber(held[4]),
  }
  local bet, win, refusal = tonumber(args[5]), tonumber(args[6]), nil
  if args[4] == 'freespin' then
    refusal = free_spin(a, args[3], bet, win)
  else
    refusal = real_spin(a, bet, win, tonumber(args[7]))
  end
  if refusal then return refusal end
  local number = tonumber(held[5]) + 1
  local answer = string.format('%d %d %d %d %d', number, a.real, a.bonus, a.remaining, a.free_spins)
  redis.call('HSET', keys[1], 'real', a.real, 'bonus', a.bonus, 'remaining', a.remaining,
    'free_spins', a.free_spins, 'number', number)
  redis.call('SET', keys[2], args[1] .. '\n' .. answer, 'EX', ANSWER_TTL_S)
  redis.call('XADD', keys[3], '*', 'player', args[2], 'spin', args[1], 'after', answer)
  return {0, number, a.real, a.bonus, a.remaining, a.free_spins}
end

redis.register_function('spin', spin)

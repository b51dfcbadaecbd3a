
-- The limits shared by all players (rule 11). Appended to functions.lua, whose names it uses.
--
--   reservation:<id>         hash    state (held granted returned) player command at campaign value bonus ip device
--   reservations:held        zset    reservation id by the time it was made
--   reservations:settled     zset    reservation id by the time its fate was told
--   campaign:<id>            hash    used: micro-EUR; ip:<ip>, device:<device>: grants
--   ipbonus:<ip>             hash    UTC day -> micro-EUR of bonus money
--   seen:<signal>:<value>    zset    player by the time of the last use

local HELD, SETTLED = PREFIX .. 'reservations:held', PREFIX .. 'reservations:settled'
local DAY_S = 86400

local function reservation_key(id) return PREFIX .. 'reservation:' .. id end
local function campaign_key(id) return PREFIX .. 'campaign:' .. id end
local function bonus_key(ip) return PREFIX .. 'ipbonus:' .. ip end

-- player, now, since, days to keep, players kept, then signal, value of each -> how many others of each
local function see(_, args)
  local found = {}
  for i = 6, #args, 2 do
    local key = PREFIX .. 'seen:' .. args[i] .. ':' .. args[i + 1]
    redis.call('ZADD', key, 'GT', args[2], args[1])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. args[3])
    redis.call('ZREMRANGEBYRANK', key, 0, -1 - tonumber(args[5]))
    redis.call('EXPIRE', key, tonumber(args[4]) * DAY_S)
    local own = redis.call('ZSCORE', key, args[1]) and 1 or 0
    found[#found + 1] = redis.call('ZCARD', key) - own
  end
  return found
end

-- Bonus money of an IP after a day.
local function ip_bonus(ip, after)
  local total, days = 0, redis.call('HGETALL', bonus_key(ip))
  for i = 1, #days, 2 do
    if tonumber(days[i]) > after then total = total + tonumber(days[i + 1]) end
  end
  return total
end

-- Whether a signal has as many grants of the campaign as it may.
local function taken(campaign, signal, value, most)
  if value == '' or most == '' then return false end
  return tonumber(redis.call('HGET', campaign_key(campaign), signal .. ':' .. value) or 0) >= tonumber(most)
end

-- Every limit that the award would pass.
local function refusals(award, who)
  local found = {}
  local value, bonus = tonumber(award.value), tonumber(award.bonus)
  if award.budget ~= '' and value > 0 then
    local used = tonumber(redis.call('HGET', campaign_key(award.campaign), 'used') or 0)
    if used + value > tonumber(award.budget) then found[#found + 1] = 'budget_exhausted' end
  end
  if taken(award.campaign, 'ip', who.ip, award.per_ip) then found[#found + 1] = 'per_ip' end
  if taken(award.campaign, 'device', who.device, award.per_device) then found[#found + 1] = 'per_device' end
  if who.most ~= '' and who.ip ~= '' and bonus > 0 then
    if ip_bonus(who.ip, who.day - who.days) + bonus > tonumber(who.most) then found[#found + 1] = 'max_bonus_per_ip' end
  end
  return found
end

-- Adds to a counter; one that comes down to 0 is removed.
local function add(key, field, change)
  if redis.call('HINCRBY', key, field, string.format('%.0f', change)) <= 0 then redis.call('HDEL', key, field) end
end

-- Adds a reservation to all that it counts for, or takes it out again (sign -1).
local function count(campaign, value, bonus, ip, device, day, sign)
  add(campaign_key(campaign), 'used', sign * value)
  if ip ~= '' then add(campaign_key(campaign), 'ip:' .. ip, sign) end
  if device ~= '' then add(campaign_key(campaign), 'device:' .. device, sign) end
  if ip ~= '' and bonus > 0 then add(bonus_key(ip), string.format('%.0f', day), sign * bonus) end
end

-- Days of an IP that no period looks at any more go; an IP that isn't seen again goes as a whole.
local function tidy_bonus(ip, oldest, days_kept)
  if ip == '' then return end
  for _, day in ipairs(redis.call('HKEYS', bonus_key(ip))) do
    if tonumber(day) < oldest then redis.call('HDEL', bonus_key(ip), day) end
  end
  redis.call('EXPIRE', bonus_key(ip), days_kept * DAY_S)
end

local function hold(award, who)
  redis.call('HSET', reservation_key(award.id), 'state', 'held', 'player', who.player, 'command', who.command,
    'at', who.now, 'day', who.day, 'campaign', award.campaign, 'value', award.value, 'bonus', award.bonus,
    'ip', who.ip, 'device', who.device)
  redis.call('ZADD', HELD, who.now, award.id)
  redis.call('ZREM', SETTLED, award.id)
  count(award.campaign, tonumber(award.value), tonumber(award.bonus), who.ip, who.device, who.day, 1)
end

local function resolve_one(id, state, now)
  local key = reservation_key(id)
  local row = fields(key, 'state', 'campaign', 'value', 'bonus', 'ip', 'device', 'day')
  if row[1] ~= 'held' then return end
  redis.call('HSET', key, 'state', state)
  redis.call('ZREM', HELD, id)
  redis.call('ZADD', SETTLED, now, id)
  if state == 'returned' then
    count(row[2], tonumber(row[3]), tonumber(row[4]), row[5], row[6], tonumber(row[7]), -1)
  end
end

-- shard, epoch, nonce, log, player, command, ip, device, now, day, days of the period, its micro-EUR or '', days kept,
-- then campaign, id, value, bonus, budget or '', per IP or '', per device or '' of each award
-- -> refusals of each, joined by spaces
local function reserve(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  local who = {player = args[5], command = args[6], ip = args[7], device = args[8], now = args[9],
    day = tonumber(args[10]), days = tonumber(args[11]), most = args[12]}
  local found, days_kept = {}, tonumber(args[13])
  for i = 14, #args, 7 do
    local award = {campaign = args[i], id = args[i + 1], value = args[i + 2], bonus = args[i + 3],
      budget = args[i + 4], per_ip = args[i + 5], per_device = args[i + 6]}
    local state = text(redis.call('HGET', reservation_key(award.id), 'state'))
    local refused = {}
    if state == 'held' then -- its command was never decided: by now it may be worth more, or come from elsewhere
      resolve_one(award.id, 'returned', who.now)
    end
    if state ~= 'granted' then
      refused = refusals(award, who)
      if #refused == 0 then hold(award, who) end
    end
    found[#found + 1] = table.concat(refused, ' ')
  end
  tidy_bonus(who.ip, who.day - days_kept, days_kept)
  return found
end

-- shard, epoch, nonce, log, granted or returned, ms kept, most to forget now, then reservation ids
local function settle(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  local now = now_ms()
  for i = 8, #args do resolve_one(args[i], args[5], now) end
  local before = string.format('(%.0f', tonumber(now) - tonumber(args[6]))
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', SETTLED, '-inf', before, 'LIMIT', 0, args[7])) do
    redis.call('DEL', reservation_key(id))
    redis.call('ZREM', SETTLED, id)
  end
  return 1
end

-- How many were made at that time with an id up to this one.
local function passed(at, last)
  local count = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', HELD, at, at)) do
    if id <= last then count = count + 1 end
  end
  return count
end

-- before, limit, then time and id of the one to begin after -> {id, player, command, at} of each
local function held(_, args)
  local found = redis.call('ZRANGEBYSCORE', HELD, args[3], '(' .. args[1], 'LIMIT', passed(args[3], args[4]), args[2])
  for i, id in ipairs(found) do
    local row = fields(reservation_key(id), 'player', 'command', 'at')
    found[i] = {id, row[1], row[2], row[3]}
  end
  return found
end

register('see', see, WRITES)
register('reserve', reserve, WRITES)
register('settle', settle, WRITES)
register('held', held, READS)

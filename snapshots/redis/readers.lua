
-- Readers of the journal, each fenced by (epoch, nonce) like a shard.
--
--   readers                hash    name -> 1 while the reader is known
--   reader:<name>          hash    epoch nonce
--   reader:<name>:cursors  hash    shard -> "epoch seq": all before has left for good
--   reader:<name>:notes    hash    key -> value; reader:<name>:keys: zset of the keys, for their order

local READERS = PREFIX .. 'readers'

local function reader_key(name) return PREFIX .. 'reader:' .. name end

-- name, nonce -> epoch. A reader who was not known begins before the oldest records there are.
local function claim_reader(_, args)
  local name, key = args[1], reader_key(args[1])
  local now = fields(key, 'epoch', 'nonce')
  local known = redis.call('HEXISTS', READERS, name) == 1
  if now[2] ~= args[2] or not known then
    now[1] = string.format('%.0f', (tonumber(now[1]) or 0) + 1)
    redis.call('HSET', key, 'epoch', now[1], 'nonce', args[2])
    redis.call('HSET', READERS, name, '1')
  end
  if not known then
    local starts = log_starts()
    for _, id in ipairs(redis.call('SMEMBERS', SHARDS)) do
      local at = shard_position(id)
      redis.call('HSET', key .. ':cursors', id, place(starts[id] or {at[1] + 1, 0}))
    end
  end
  return now[1]
end

-- name, nonce -> epoch. It is no reader of the journal, and has no cursors.
local function claim_notes(_, args)
  local name, key = args[1], reader_key(args[1])
  local now = fields(key, 'epoch', 'nonce')
  if now[2] ~= args[2] or redis.call('HEXISTS', READERS, name) == 1 then
    now[1] = string.format('%.0f', (tonumber(now[1]) or 0) + 1)
    redis.call('HSET', key, 'epoch', now[1], 'nonce', args[2])
    redis.call('HDEL', READERS, name)
    redis.call('DEL', key .. ':cursors')
  end
  return now[1]
end

-- name, epoch, nonce, most notes, MessagePack of {shard, epoch, seq, …}, keys removed, then key, value of each note
local function commit_reader(_, args)
  local name, key = args[1], reader_key(args[1])
  local now = fields(key, 'epoch', 'nonce')
  local moved = cmsgpack.unpack(args[5])
  if now[1] ~= args[2] or now[2] ~= args[3] or (#moved > 0 and redis.call('HEXISTS', READERS, name) == 0) then
    return refuse('reader ' .. name .. ': epoch ' .. args[2] .. ' is over, the store is at ' .. now[1])
  end
  local removed = tonumber(args[6])
  local notes, keys, added = key .. ':notes', key .. ':keys', 0
  for i = 7 + removed, #args, 2 do added = added + 1 - redis.call('HEXISTS', notes, args[i]) end
  if added > 0 then
    local gone = 0
    for i = 7, 6 + removed do gone = gone + redis.call('HEXISTS', notes, args[i]) end
    local count = redis.call('HLEN', notes) + added - gone
    if count > tonumber(args[4]) then
      return redis.error_reply('NOTES reader ' .. name .. ' would have ' .. count .. ' notes; at most ' .. args[4]
        .. ' are possible')
    end
  end
  for i = 1, #moved, 3 do
    local to = {tonumber(moved[i + 1]), tonumber(moved[i + 2])}
    if before(cursor_of(name, moved[i]), to) then redis.call('HSET', key .. ':cursors', moved[i], place(to)) end
  end
  for i = 7, 6 + removed do
    redis.call('HDEL', notes, args[i])
    redis.call('ZREM', keys, args[i])
  end
  for i = 7 + removed, #args, 2 do
    redis.call('HSET', notes, args[i], args[i + 1])
    redis.call('ZADD', keys, 0, args[i])
  end
  return 1
end

-- name, lowest key with its bracket, highest key with its bracket, limit -> key, value, …
local function reader_notes(_, args)
  local key = reader_key(args[1])
  local found = redis.call('ZRANGEBYLEX', key .. ':keys', args[2], args[3], 'LIMIT', 0, args[4])
  local answer = {}
  for _, name in ipairs(found) do
    answer[#answer + 1] = name
    answer[#answer + 1] = redis.call('HGET', key .. ':notes', name)
  end
  return answer
end

-- term, name
local function forget_reader(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  local key = reader_key(args[2])
  if redis.call('HDEL', READERS, args[2]) == 1 then
    redis.call('HINCRBY', key, 'epoch', 1)
    redis.call('HSET', key, 'nonce', '')
  end
  redis.call('DEL', key .. ':cursors')
  return 1
end

-- What every reader has passed of a shard; nil if there are no readers.
local function passed_by_all(names, shard)
  local lowest = nil
  for _, name in ipairs(names) do
    local at = cursor_of(name, shard)
    if lowest == nil or before(at, lowest) then lowest = at end
  end
  return lowest
end

local function remove_log(log)
  redis.call('UNLINK', log_key(log), meta_key(log))
  redis.call('SREM', FINISHED, log)
end

local function sweep_log(log, names, archived)
  local meta = fields(meta_key(log), 'shard', 'epoch')
  local whole = {tonumber(meta[2]), last_seq(log, meta[1])}
  if archived and before(cursor_of(ARCHIVE, meta[1]), whole) then return end
  local passed = passed_by_all(names, meta[1])
  if passed == nil or not before(passed, whole) then return remove_log(log) end
  redis.call('UNLINK', log_key(log))
  redis.call('HSET', meta_key(log), 'trimmed', string.format('%.0f', whole[2]), 'last', string.format('%.0f', whole[2]))
end

-- The oldest first, up to one that is still needed: a later one may stand for a player's way through that one.
local function sweep_handovers(names)
  local starts, numbers = log_starts(), redis.call('HKEYS', HANDOVERS)
  table.sort(numbers, function(one, other) return tonumber(one) < tonumber(other) end)
  for _, number in ipairs(numbers) do
    local body = cmsgpack.unpack(redis.call('HGET', HANDOVERS, number))
    local loser, left = body[3], {tonumber(body[4]), tonumber(body[5])}
    local passed, start = passed_by_all(names, loser), starts[loser]
    if (passed and before(passed, left)) or (start and before(start, left)) then return end
    redis.call('HDEL', HANDOVERS, number)
  end
end

-- Removes what readers need no more; the caller has checked the term.
local function sweep()
  local names = redis.call('HKEYS', READERS)
  local archived = redis.call('HEXISTS', READERS, ARCHIVE) == 1
  for _, log in ipairs(redis.call('SMEMBERS', FINISHED)) do sweep_log(log, names, archived) end
  sweep_handovers(names)
end

-- term
local function sweep_journal(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  sweep()
  return 1
end

-- term, log
local function finish_log(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  local shard = redis.call('HGET', meta_key(args[2]), 'shard')
  if not shard then return 1 end
  if is_live(args[2], shard) then return refuse('log ' .. args[2] .. ' is live') end
  redis.call('SREM', LOGS, args[2])
  redis.call('SADD', FINISHED, args[2])
  sweep()
  return 1
end

-- after -> number, body, …
local function handovers(_, args)
  local rows, found = redis.call('HGETALL', HANDOVERS), {}
  for i = 1, #rows, 2 do
    if tonumber(rows[i]) > tonumber(args[1]) then
      found[#found + 1] = rows[i]
      found[#found + 1] = rows[i + 1]
    end
  end
  return found
end

register('claim_reader', claim_reader, WRITES)
register('claim_notes', claim_notes, WRITES)
register('commit_reader', commit_reader, WRITES)
register('reader_notes', reader_notes, READS)
register('forget_reader', forget_reader, WRITES)
register('sweep_journal', sweep_journal, WRITES)
register('finish_log', finish_log, WRITES)
register('handovers', handovers, READS)

#!lua name=croupier_@HASH@

-- Every write of the Redis store. Each function validates everything first and only then writes, so that a refusal
-- changes nothing and Redis, which has no rollback, never needs one.
--
-- Keys (prefix croupier:)
--   control            hash    term, supervisor, catalog, catalog_number, clock; holder of the term, held_until (Unix ms);
--                              log_last: number of the last entry of the control log
--   catalogs           hash    version -> content
--   catalogs:stored    zset    version by its last put
--   requests           hash    digest of a control request's key -> request and answer
--   requests:order     list    those digests, oldest first
--   tallies            hash    counter -> value: counted with the appends
--   due:<slot>         zset    every player with a snapshot by the time the newest has work due, +inf: never
--   due_marks          hash    slot -> under which rules its index is complete
--   slots              hash    slot -> shard
--   dedicated          hash    player -> shard
--   shards, logs       set     shard ids; ids of logs that are not finished
--   logs:finished      set     ids of finished logs that readers may need
--   handovers          hash    number -> MessagePack of {slots, players, loser, epoch, seq, gainer, epoch, seq}
--   shard:<id>         hash    epoch nonce owner address log seq hash previous
--                              fenced retired release; former_log former_seq former_hash: what the claim sealed;
--                              told: 1 if the claim was told again; regained: which shard told again that it had
--                              given slots to this one (told_again.lua); granted: leave of its owner to go on without
--                              the store
--   log:<id>           stream  <seq>-0 -> p payload, q previous hash, h hash
--   logmeta:<id>       hash    shard epoch checkpoint trimmed; last: once it is not the shard's newest log any more
--   player:<id>        hash    av as aw, bv bs bw: version, state, window of two generations; due: of the newest;
--                              min: version released
--
-- A shard whose nonce is empty is held by nobody. Numbers stay below 2^53.

local PREFIX = 'croupier:'
local CONTROL, SLOTS, DEDICATED = PREFIX .. 'control', PREFIX .. 'slots', PREFIX .. 'dedicated'
local SHARDS, LOGS, CATALOGS = PREFIX .. 'shards', PREFIX .. 'logs', PREFIX .. 'catalogs'
local STORED, REQUESTS, REQUEST_ORDER = CATALOGS .. ':stored', PREFIX .. 'requests', PREFIX .. 'requests:order'
local TALLIES = PREFIX .. 'tallies'
local FINISHED, HANDOVERS, ARCHIVE = PREFIX .. 'logs:finished', PREFIX .. 'handovers', 'archive'

local function shard_key(id) return PREFIX .. 'shard:' .. id end
local function log_key(id) return PREFIX .. 'log:' .. id end
local function meta_key(id) return PREFIX .. 'logmeta:' .. id end
local function player_key(id) return PREFIX .. 'player:' .. id end
local function due_key(slot) return PREFIX .. 'due:' .. slot end

local function refuse(text) return redis.error_reply('FENCED ' .. text) end

local function text(value) return value or '' end

-- The fields named, absent ones as ''.
local function fields(key, ...)
  local values = redis.call('HMGET', key, ...)
  for i = 1, #values do values[i] = values[i] or '' end
  return values
end

-- nil if (shard, epoch, nonce, log) is the current incarnation, else the refusal.
local function not_held(id, epoch, nonce, log)
  local now = fields(shard_key(id), 'epoch', 'nonce', 'log')
  if nonce == '' or now[1] ~= epoch or now[2] ~= nonce then
    return refuse('shard ' .. id .. ': epoch ' .. epoch .. ' is over, the store is at ' .. now[1])
  end
  if now[3] ~= log then return refuse('shard ' .. id .. ': log ' .. log .. ' is sealed') end
  return nil
end

local function not_term(term)
  local now = text(redis.call('HGET', CONTROL, 'term'))
  if now ~= term then return refuse('term ' .. term .. ' is over, the store is at ' .. now) end
  return nil
end

local function now_ms()
  local time = redis.call('TIME')
  return string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
end

-- Positions of readers in a shard's logs are {epoch of the log, seq}.

local function before(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end

local function place(at) return string.format('%.0f %.0f', at[1], at[2]) end

-- Where the shard's newest log stands.
local function shard_position(id)
  local now = fields(shard_key(id), 'log', 'seq')
  return {tonumber(string.match(now[1], '%-(%d+)$')) or 0, tonumber(now[2]) or 0}
end

local function cursor_of(name, shard)
  local at = text(redis.call('HGET', PREFIX .. 'reader:' .. name .. ':cursors', shard))
  local epoch, seq = string.match(at, '(%d+) (%d+)')
  return {tonumber(epoch) or 0, tonumber(seq) or 0}
end

-- The last record of a log. Of logs sealed by a version that noted no end, the stream knows it.
local function last_seq(log, shard)
  local now = fields(shard_key(shard), 'log', 'seq')
  if now[1] == log then return tonumber(now[2]) end
  local meta = fields(meta_key(log), 'last', 'trimmed')
  if meta[1] ~= '' then return tonumber(meta[1]) end
  local stream = redis.pcall('XINFO', 'STREAM', log_key(log))
  for i = 1, #stream, 2 do
    if stream[i] == 'last-generated-id' then return tonumber(string.match(stream[i + 1], '^%d+')) end
  end
  return tonumber(meta[2])
end

-- Before which position no record is left, for each shard that has logs.
local function log_starts()
  local starts = {}
  for _, set in ipairs({LOGS, FINISHED}) do
    for _, log in ipairs(redis.call('SMEMBERS', set)) do
      local meta = fields(meta_key(log), 'shard', 'epoch', 'trimmed')
      local at = {tonumber(meta[2]), tonumber(meta[3])}
      if not starts[meta[1]] or before(at, starts[meta[1]]) then starts[meta[1]] = at end
    end
  end
  return starts
end

-- The loser's slots and players go to the gainer; both logs are noted as they stand.
local function note_handover(slots, players, loser, gainer)
  local left, gained = shard_position(loser), shard_position(gainer)
  local body = cmsgpack.pack({slots, players, loser, left[1], left[2], gainer, gained[1], gained[2]})
  redis.call('HSET', HANDOVERS, redis.call('HINCRBY', CONTROL, 'handover', 1), body)
end

-- Whose lease may still run: the owner's if it ever served, else that of the one before it.
local function lease_holder(owner, address, previous)
  if owner ~= '' and (address ~= '' or previous == '') then return owner end
  return previous
end

-- Whose owner may have gone on without the store, passes on only to who has sealed its file, with nothing in it that the
-- log has not. sealed: nonce of the owner, seq and hash of the file's end, '' if nothing was written there.
local function held_by_file(id, sealed_nonce, seq, hash)
  local now = fields(shard_key(id), 'granted', 'nonce', 'seq', 'hash')
  if now[1] == '' or (sealed_nonce == now[2] and (seq == '' or (seq == now[3] and hash == now[4]))) then return nil end
  return redis.error_reply('FALLBACK shard ' .. id .. ' may have gone on without the store')
end

-- shard, owner, nonce, genesis, sealed: nonce, seq, hash
-- -> epoch, log, previous, the log that it seals, and where that stands: seq, hash
local function claim(_, args)
  local id, owner, nonce, genesis = args[1], args[2], args[3], args[4]
  local key = shard_key(id)
  local now = fields(key, 'epoch', 'nonce', 'log', 'owner', 'address', 'previous', 'seq', 'hash')
  if now[2] == nonce then
    local former = fields(key, 'former_log', 'former_seq', 'former_hash')
    return {now[1], now[3], now[6], former[1], former[2], former[3]}
  end
  local held = held_by_file(id, args[5], args[6], args[7])
  if held then return held end
  local epoch = string.format('%.0f', (tonumber(now[1]) or 0) + 1)
  local log = id .. '-' .. epoch
  local previous = lease_holder(now[4], now[5], now[6])
  if now[3] ~= '' and redis.call('EXISTS', meta_key(now[3])) == 1 then
    redis.call('HSET', meta_key(now[3]), 'last', now[7])
  end
  redis.call('HSET', key, 'epoch', epoch, 'nonce', nonce, 'owner', owner, 'address', '', 'log', log, 'seq', '0',
    'hash', genesis, 'previous', previous, 'fenced', '', 'retired', '', 'release', '', 'told', '', 'regained', '',
    'granted', '', 'former_log', now[3], 'former_seq', now[7], 'former_hash', now[8])
  redis.call('HSET', meta_key(log), 'shard', id, 'epoch', epoch, 'checkpoint', '0', 'trimmed', '0')
  redis.call('SADD', SHARDS, id)
  redis.call('SADD', LOGS, log)
  return {epoch, log, previous, now[3], now[7], now[8]}
end

-- shard, epoch, nonce, log, address
local function serve(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  redis.call('HSET', shard_key(args[1]), 'address', args[5])
  return 1
end

-- nil if a replica has answered within min-replicas-max-lag, else the refusal that a write gets.
local function cut_off()
  if string.match(redis.call('INFO', 'replication'), 'min_slaves_good_slaves:(%d+)') ~= '0' then return nil end
  return redis.error_reply('NOREPLICAS no replica follows: another server may be the master')
end

-- shard, epoch, nonce, log, 1 if a replica may have been promoted -> Unix ms
local function heartbeat(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4]) or (args[5] == '1' and cut_off() or nil)
  if refusal then return refusal end
  return now_ms()
end

-- shard -> epoch, nonce, log, seq, hash, calls that put snapshots
local function standing(_, args)
  return fields(shard_key(args[1]), 'epoch', 'nonce', 'log', 'seq', 'hash', 'puts')
end

-- shard, epoch, nonce, log. A process that never served leaves the lease of the one before it as it is.
local function retire(_, args)
  local key = shard_key(args[1])
  local now = fields(key, 'epoch', 'retired', 'address', 'previous')
  if args[3] ~= '' and now[1] == args[2] and now[2] == args[3] then return 1 end
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  local previous = ''
  if now[3] == '' then previous = now[4] end
  redis.call('HSET', key, 'nonce', '', 'owner', '', 'address', '', 'fenced', '', 'previous', previous,
    'retired', args[3], 'granted', '')
  return 1
end

-- shard, epoch, nonce, log, term, grant
local function grant_fallback(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4]) or not_term(args[5])
  if refusal then return refusal end
  redis.call('HSET', shard_key(args[1]), 'granted', args[6])
  return 1
end

-- shard, epoch, nonce, log
local function give_up_fallback(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  redis.call('HSET', shard_key(args[1]), 'granted', '')
  return 1
end

-- shard, epoch, nonce, log, seq, previous hash, new seq, new hash, payload, catalog number, then counter, delta of each tally
local function append(_, args)
  local key = shard_key(args[1])
  local now = redis.call('HMGET', key, 'epoch', 'nonce', 'log', 'seq', 'hash')
  if args[3] == '' or now[1] ~= args[2] or now[2] ~= args[3] or now[3] ~= args[4] then
    return not_held(args[1], args[2], args[3], args[4])
  end
  if now[4] == args[5] and now[5] == args[6] then
    local in_force = redis.call('HGET', CONTROL, 'catalog_number')
    if in_force and tonumber(args[10]) < tonumber(in_force) then
      return refuse('catalog ' .. args[10] .. ' is out of force, the store is at ' .. in_force)
    end
    redis.call('XADD', log_key(args[4]), args[7] .. '-0', 'p', args[9], 'q', args[6], 'h', args[8])
    redis.call('HSET', key, 'seq', args[7], 'hash', args[8])
    -- What would overflow a counter is left out: no error may come after the first write.
    for i = 11, #args, 2 do redis.pcall('HINCRBY', TALLIES, args[i], args[i + 1]) end
    return 1
  end
  if now[4] == args[7] and now[5] == args[8] then
    redis.call('HSET', key, 'seq', args[7]) -- written, so that `WAIT` has something to count
    return 1
  end
  return refuse('shard ' .. args[1] .. ': the log stands at ' .. now[4] .. ', not at ' .. args[5])
end

-- shard, epoch, nonce, log, checkpoint, trim
local function checkpoint(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  local last = tonumber(redis.call('HGET', shard_key(args[1]), 'seq'))
  local to, trim = tonumber(args[5]), tonumber(args[6])
  if to > last then
    return refuse('log ' .. args[4] .. ' ends at ' .. last .. ': no checkpoint at ' .. args[5])
  end
  local meta = fields(meta_key(args[4]), 'checkpoint', 'trimmed', 'epoch')
  if redis.call('HEXISTS', PREFIX .. 'readers', ARCHIVE) == 1 then
    local read = cursor_of(ARCHIVE, args[1])
    if read[1] == tonumber(meta[3]) then trim = math.min(trim, read[2]) end
    if read[1] < tonumber(meta[3]) then trim = 0 end
  end
  if to > tonumber(meta[1]) then redis.call('HSET', meta_key(args[4]), 'checkpoint', args[5]) end
  if trim > tonumber(meta[2]) then
    redis.call('HSET', meta_key(args[4]), 'trimmed', string.format('%.0f', trim))
    redis.call('XTRIM', log_key(args[4]), 'MINID', string.format('%.0f-0', trim + 1))
  end
  return 1
end

-- Notes what the newest snapshot says of due work; due is '' for none.
local function put_due(player, slot, due)
  redis.call('HSET', player_key(player), 'due', due)
  redis.call('ZADD', due_key(slot), due == '' and '+inf' or due, player)
end

-- shard, epoch, nonce, log, then player, version, state, window, slot, due or '' of each snapshot -> calls so far
local function put_snapshots(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  for i = 5, #args, 6 do
    local key, version = player_key(args[i]), tonumber(args[i + 1])
    local stored = redis.call('HMGET', key, 'av', 'bv')
    local a, b = tonumber(stored[1] or -1), tonumber(stored[2] or -1)
    local newest = math.max(a, b)
    if version == newest or (version > newest and a <= b) then
      redis.call('HSET', key, 'av', args[i + 1], 'as', args[i + 2], 'aw', args[i + 3])
    end
    if version == newest or (version > newest and a > b) then
      redis.call('HSET', key, 'bv', args[i + 1], 'bs', args[i + 2], 'bw', args[i + 3])
    end
    if version >= newest then put_due(args[i], args[i + 4], args[i + 5]) end
  end
  return redis.call('HINCRBY', shard_key(args[1]), 'puts', 1)
end

-- What another shard owns already can't be given away a second time.
local function owned_elsewhere(table_key, id, names)
  for _, name in ipairs(names) do
    local owner = text(redis.call('HGET', table_key, name))
    if owner ~= '' and owner ~= id then return refuse('shard ' .. id .. ' releases what ' .. owner .. ' owns') end
  end
  return nil
end

-- Slots and players of the move {slots, players, versions} change to the gainer; the loser's epoch is raised.
local function give_away(id, gainer, epoch, request, move)
  local key = shard_key(id)
  redis.call('HSET', key, 'epoch', epoch, 'release', request)
  note_handover(move[1], move[2], id, gainer)
  for _, slot in ipairs(move[1]) do redis.call('HSET', SLOTS, slot, gainer) end
  for _, player in ipairs(move[2]) do redis.call('HSET', DEDICATED, player, gainer) end
  for _, pair in ipairs(move[3]) do
    local known = tonumber(redis.call('HGET', player_key(pair[1]), 'min') or 0)
    if tonumber(pair[2]) > known then redis.call('HSET', player_key(pair[1]), 'min', pair[2]) end
  end
end

-- shard, epoch, nonce, log, term, gainer, request digest, next epoch, MessagePack of {slots, players, versions}
local function release_slots(_, args)
  local id, key, gainer = args[1], shard_key(args[1]), args[6]
  local now = fields(key, 'epoch', 'nonce', 'release')
  if now[1] == args[8] and now[2] == args[3] and now[3] == args[7] then return 1 end
  local move = cmsgpack.unpack(args[9])
  local refusal = not_held(id, args[2], args[3], args[4]) or not_term(args[5])
    or owned_elsewhere(SLOTS, id, move[1]) or owned_elsewhere(DEDICATED, id, move[2])
  if refusal then return refusal end
  give_away(id, gainer, args[8], args[7], move)
  return 1
end

-- -> term, holder, until, ms left
local function term_lease()
  local now = fields(CONTROL, 'term', 'holder', 'held_until')
  local left = math.max(0, (tonumber(now[3]) or 0) - tonumber(now_ms()))
  return {now[1], now[2], now[3], left}
end

local function put_lease(holder, lease)
  redis.call('HSET', CONTROL, 'holder', holder, 'held_until', string.format('%.0f', tonumber(now_ms()) + lease))
end

-- holder, lease, 1 to take over -> term
local function take_term(_, args)
  local lease = term_lease()
  local holder, left = lease[2], lease[4]
  if holder ~= '' and holder ~= args[1] and left > 0 and args[3] ~= '1' then
    return redis.error_reply(string.format('HELD %.0f %s', left, holder))
  end
  put_lease(args[1], tonumber(args[2]))
  return redis.call('HINCRBY', CONTROL, 'term', 1)
end

-- term, lease
local function hold_term(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  put_lease(text(redis.call('HGET', CONTROL, 'holder')), tonumber(args[2]))
  return 1
end

-- term
local function leave_term(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  redis.call('HSET', CONTROL, 'holder', '', 'held_until', '0')
  return 1
end

-- term, address
local function listen(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  redis.call('HSET', CONTROL, 'supervisor', args[2])
  return 1
end

-- The first answer under a key stays; beyond the bound the oldest goes. Without a key nothing is remembered.
local function remember(key, request, kept)
  if not key or redis.call('HSETNX', REQUESTS, key, request) == 0 then return end
  redis.call('RPUSH', REQUEST_ORDER, key)
  while redis.call('LLEN', REQUEST_ORDER) > tonumber(kept) do
    redis.call('HDEL', REQUESTS, redis.call('LPOP', REQUEST_ORDER))
  end
end

-- term, offset[, request key, request, how many are kept]; it never goes down
local function advance_clock(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  if tonumber(args[2]) > tonumber(redis.call('HGET', CONTROL, 'clock') or 0) then
    redis.call('HSET', CONTROL, 'clock', args[2])
  end
  remember(args[3], args[4], args[5])
  return 1
end

-- version, content, how many are kept beside the one in force
local function put_catalog(_, args)
  local newest = redis.call('ZREVRANGE', STORED, 0, 0, 'WITHSCORES')
  redis.call('HSETNX', CATALOGS, args[1], args[2])
  redis.call('ZADD', STORED, (tonumber(newest[2]) or 0) + 1, args[1])
  local row = text(redis.call('HGET', CONTROL, 'catalog'))
  local in_force = row ~= '' and cmsgpack.unpack(row).version
  for _, version in ipairs(redis.call('ZREVRANGE', STORED, args[3], -1)) do
    if version ~= in_force then
      redis.call('HDEL', CATALOGS, version)
      redis.call('ZREM', STORED, version)
    end
  end
  return 1
end

-- nil if none of the counters is above 0, else the refusal.
local function still_held(counters)
  for _, name in ipairs(counters) do
    local value = redis.call('HGET', TALLIES, name) or 0
    if tonumber(value) > 0 then
      return redis.error_reply('PLAYERS the counter ' .. name .. ' must be 0 for this catalog, and is ' .. value)
    end
  end
  return nil
end

-- term, number, version, row, MessagePack of counters that must be 0[, request key, request, how many are kept]
local function commit_catalog(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  local now = fields(CONTROL, 'catalog_number', 'catalog')
  if now[2] == args[4] then
    remember(args[6], args[7], args[8])
    return 1
  end
  local number = tonumber(now[1]) or 0
  if tonumber(args[2]) ~= number + 1 then return refuse('catalog ' .. args[2] .. " doesn't follow " .. number) end
  if redis.call('HEXISTS', CATALOGS, args[3]) == 0 then
    return refuse('catalog version ' .. args[3] .. ' is not stored')
  end
  local held = still_held(cmsgpack.unpack(args[5]))
  if held then return held end
  redis.call('HSET', CONTROL, 'catalog', args[4], 'catalog_number', args[2])
  remember(args[6], args[7], args[8])
  return 1
end

-- Notes what is about to change; owners are '' where there are none. slots: {slot, shard, …}; players: {player, owner
-- before, owner after, …}
local function note_assigned(slots, players)
  local moves, order = {}, {}
  local function moved(kind, name, loser, gainer)
    if loser == '' or gainer == '' or loser == gainer then return end
    local pair = loser .. '\n' .. gainer
    if not moves[pair] then
      moves[pair] = {{}, {}, loser, gainer}
      order[#order + 1] = pair
    end
    table.insert(moves[pair][kind], name)
  end
  for i = 1, #slots, 2 do moved(1, slots[i], text(redis.call('HGET', SLOTS, slots[i])), slots[i + 1]) end
  for i = 1, #players, 3 do moved(2, players[i], players[i + 1], players[i + 2]) end
  for _, pair in ipairs(order) do
    local move = moves[pair]
    note_handover(move[1], move[2], move[3], move[4])
  end
end

-- Of each player who is or will be dedicated, the shard before and after: {player, before, after, …}. slot_of answers
-- the slot of such a player.
local function dedicated_moves(slots, dedicated, slot_of)
  local to, alone, players = {}, {}, {}
  for i = 1, #slots, 2 do to[slots[i]] = slots[i + 1] end
  for i = 1, #dedicated, 2 do alone[dedicated[i]] = dedicated[i + 1] end
  for player, slot in pairs(slot_of) do
    local here = text(redis.call('HGET', SLOTS, slot))
    local was = text(redis.call('HGET', DEDICATED, player))
    players[#players + 1] = player
    players[#players + 1] = was ~= '' and was or here
    players[#players + 1] = alone[player] or to[slot] or here
  end
  return players
end

-- term, MessagePack of {slot, shard, …}, MessagePack of {player, shard, …}, MessagePack of {player: slot} of all who are
-- or will be dedicated; the caller has read who is, which only the holder of the term changes.
local function assign(_, args)
  local refusal = not_term(args[1])
  if refusal then return refusal end
  local slots, dedicated = cmsgpack.unpack(args[2]), cmsgpack.unpack(args[3])
  note_assigned(slots, dedicated_moves(slots, dedicated, cmsgpack.unpack(args[4])))
  for i = 1, #slots, 2 do redis.call('HSET', SLOTS, slots[i], slots[i + 1]) end
  redis.call('DEL', DEDICATED)
  for i = 1, #dedicated, 2 do redis.call('HSET', DEDICATED, dedicated[i], dedicated[i + 1]) end
  return 1
end

-- term, shard, sealed: nonce, seq, hash -> the owner fenced
local function fence(_, args)
  local refusal = not_term(args[1]) or held_by_file(args[2], args[3], args[4], args[5])
  if refusal then return refusal end
  local key = shard_key(args[2])
  local now = fields(key, 'nonce', 'owner', 'address', 'previous', 'fenced', 'epoch')
  if now[1] == '' then return now[5] end
  redis.call('HSET', key, 'epoch', string.format('%.0f', tonumber(now[6]) + 1), 'nonce', '', 'fenced', now[2],
    'owner', '', 'address', '', 'previous', lease_holder(now[2], now[3], now[4]), 'granted', '')
  return now[2]
end

local function is_live(log, shard)
  local now = fields(shard_key(shard), 'nonce', 'log')
  return now[1] ~= '' and now[2] == log
end

-- {log, shard, epoch, live, checkpoint, trimmed, last, finished} of each log in the set, added to those found
local function described(set, finished, found)
  for _, log in ipairs(redis.call('SMEMBERS', set)) do
    local meta = fields(meta_key(log), 'shard', 'epoch', 'checkpoint', 'trimmed')
    found[#found + 1] = {log, meta[1], meta[2], is_live(log, meta[1]) and 1 or 0, meta[3], meta[4],
      last_seq(log, meta[1]), finished}
  end
  return found
end

local function unfinished_logs() return described(LOGS, 0, {}) end

local function journal_logs() return described(FINISHED, 1, described(LOGS, 0, {})) end

-- -> term, slots, dedicated, {shard, epoch, owner, address, log, grant} of each shard, supervisor, catalog, clock
local function routing()
  local shards = {}
  for i, id in ipairs(redis.call('SMEMBERS', SHARDS)) do
    local now = fields(shard_key(id), 'epoch', 'owner', 'address', 'log', 'granted')
    shards[i] = {id, now[1], now[2], now[3], now[4], now[5]}
  end
  local now = fields(CONTROL, 'term', 'supervisor', 'catalog', 'clock')
  return {now[1], redis.call('HGETALL', SLOTS), redis.call('HGETALL', DEDICATED), shards, now[2], now[3], now[4]}
end

local function register(name, callback, flags)
  redis.register_function({function_name = 'croupier_@HASH@_' .. name, callback = callback, flags = flags})
end

-- Changes nothing, and is written all the same: `WAIT` counts what its connection wrote. A function that only reads, or
-- finds its work done, wrote nothing; Redis 7.0 counts up to where it stood all the same, Valkey 9.1 does not.
local function mark()
  redis.call('SET', PREFIX .. 'mark', '')
  return 1
end

local WRITES, READS = {'no-cluster'}, {'no-cluster', 'no-writes'}
register('mark', mark, {'no-cluster', 'allow-oom'})
register('claim', claim, WRITES)
register('serve', serve, WRITES)
register('heartbeat', heartbeat, READS)
register('standing', standing, READS)
register('retire', retire, WRITES)
register('grant_fallback', grant_fallback, WRITES)
register('give_up_fallback', give_up_fallback, WRITES)
register('append', append, WRITES)
register('checkpoint', checkpoint, WRITES)
register('put_snapshots', put_snapshots, WRITES)
register('release_slots', release_slots, WRITES)
register('take_term', take_term, WRITES)
register('hold_term', hold_term, WRITES)
register('leave_term', leave_term, WRITES)
register('term_lease', term_lease, READS)
register('listen', listen, WRITES)
register('advance_clock', advance_clock, WRITES)
register('put_catalog', put_catalog, WRITES)
register('commit_catalog', commit_catalog, WRITES)
register('assign', assign, WRITES)
register('fence', fence, WRITES)
register('unfinished_logs', unfinished_logs, READS)
register('journal_logs', journal_logs, READS)
register('routing', routing, READS)

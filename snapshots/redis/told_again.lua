-- What whoever wrote it tells again to a server that has lost it (rule 15). Each function checks that nobody has decided
-- otherwise in this history: no shard and no slot ever has two owners.

-- shard, epoch, nonce, log, owner, genesis, log that the claim sealed, where that stood: seq, hash; grant or ''
-- -> seq, hash
local function claim_again(_, args)
  local id, epoch, nonce, log, owner = args[1], args[2], args[3], args[4], args[5]
  local key = shard_key(id)
  local now = fields(key, 'epoch', 'nonce', 'log', 'seq', 'hash')
  if now[2] == nonce and now[3] == log then
    if args[10] ~= '' then redis.call('HSET', key, 'granted', args[10]) end
    return {now[4], now[5]}
  end
  if (tonumber(now[1]) or 0) >= tonumber(epoch) then
    return refuse('shard ' .. id .. ': epoch ' .. epoch .. ' is not told again, the store is at ' .. now[1])
  end
  if now[3] ~= args[7] or (args[7] ~= '' and (now[4] ~= args[8] or now[5] ~= args[9])) then
    return refuse('shard ' .. id .. ': ' .. log .. ' followed ' .. args[7] .. ' at ' .. args[8] .. ', the store has '
      .. now[3] .. ' at ' .. now[4])
  end
  if now[3] ~= '' and redis.call('EXISTS', meta_key(now[3])) == 1 then
    redis.call('HSET', meta_key(now[3]), 'last', now[4])
  end
  redis.call('HSET', key, 'epoch', epoch, 'nonce', nonce, 'owner', owner, 'address', '', 'log', log, 'seq', '0',
    'hash', args[6], 'previous', owner, 'fenced', '', 'retired', '', 'release', '', 'told', '1', 'granted', args[10],
    'former_log', args[7], 'former_seq', args[8], 'former_hash', args[9])
  redis.call('HSET', meta_key(log), 'shard', id, 'epoch', epoch, 'checkpoint', '0', 'trimmed', '0')
  redis.call('SADD', SHARDS, id)
  redis.call('SADD', LOGS, log)
  return {'0', args[6]}
end

-- nil if each of the names is the loser's, the gainer's or nobody's, else the refusal.
local function belongs_elsewhere(table_key, names, loser, gainer)
  for _, name in ipairs(names) do
    local owner = text(redis.call('HGET', table_key, name))
    if owner ~= '' and owner ~= loser and owner ~= gainer then
      return refuse('what ' .. loser .. ' gave to ' .. gainer .. ' belongs to ' .. owner)
    end
  end
  return nil
end

-- shard, epoch, nonce, log, gainer, request digest, next epoch, MessagePack of {slots, players, versions}
local function release_again(_, args)
  local id, gainer, key = args[1], args[5], shard_key(args[1])
  local now = fields(key, 'epoch', 'nonce', 'release')
  if now[1] == args[7] and now[2] == args[3] and now[3] == args[6] then return 1 end
  local move = cmsgpack.unpack(args[8])
  local refusal = not_held(id, args[2], args[3], args[4]) or belongs_elsewhere(SLOTS, move[1], id, gainer)
    or belongs_elsewhere(DEDICATED, move[2], id, gainer)
  if refusal then return refusal end
  give_away(id, gainer, args[7], args[6], move)
  redis.call('HSET', shard_key(gainer), 'regained', id)
  return 1
end

-- Whether that shard may serve what the table gives to it: it has not lost its giving it away, or was claimed since.
local function may_serve(id, known)
  local now = fields(shard_key(id), 'epoch', 'told')
  return now[2] ~= '1' and (tonumber(now[1]) or 0) >= (tonumber(known[id]) or 0)
end

-- shard, epoch, nonce, log, MessagePack of slots, of {player, slot, …}, of {shard: epoch}
-- -> the shards from which something was taken, or which have told again what they gave to this one
local function own_again(_, args)
  local id = args[1]
  local refusal = not_held(id, args[2], args[3], args[4])
  if refusal then return refusal end
  local slots, players, known = cmsgpack.unpack(args[5]), cmsgpack.unpack(args[6]), cmsgpack.unpack(args[7])
  local told = text(redis.call('HGET', shard_key(id), 'regained'))
  local losers, moves = {}, {}
  local function taken(kind, name, owner)
    if owner == id then return nil end
    if owner ~= '' and may_serve(owner, known) then
      return refuse('shard ' .. owner .. ' may serve what ' .. id .. ' owned')
    end
    if not moves[owner] then
      moves[owner] = {{}, {}}
      losers[#losers + 1] = owner
    end
    table.insert(moves[owner][kind], name)
    return nil
  end
  for _, slot in ipairs(slots) do
    refusal = refusal or taken(1, slot, text(redis.call('HGET', SLOTS, slot)))
  end
  for i = 1, #players, 2 do
    local owner = redis.call('HGET', DEDICATED, players[i]) or redis.call('HGET', SLOTS, players[i + 1])
    if not redis.call('HGET', DEDICATED, players[i]) and owner == id then owner = '' end
    refusal = refusal or taken(2, players[i], text(owner))
  end
  if refusal then return refusal end
  for _, loser in ipairs(losers) do
    local move = moves[loser]
    if loser ~= '' then note_handover(move[1], move[2], loser, id) end
    for _, slot in ipairs(move[1]) do redis.call('HSET', SLOTS, slot, id) end
    for _, player in ipairs(move[2]) do redis.call('HSET', DEDICATED, player, id) end
  end
  if told ~= '' and not moves[told] then losers[#losers + 1] = told end
  return losers
end

-- term, holder, lease
local function take_term_again(_, args)
  local now = fields(CONTROL, 'term', 'holder')
  local at, term = tonumber(now[1]) or 0, tonumber(args[1])
  if at > term or (at == term and now[2] ~= args[2]) then
    return refuse('term ' .. args[1] .. ' is not told again, the store is at ' .. now[1])
  end
  redis.call('HSET', CONTROL, 'term', args[1])
  put_lease(args[2], tonumber(args[3]))
  return 1
end

register('claim_again', claim_again, WRITES)
register('release_again', release_again, WRITES)
register('own_again', own_again, WRITES)
register('take_term_again', take_term_again, WRITES)


-- Who has work due, and who there is at all (rule 12). Appended to functions.lua, which writes the sorted sets with the snapshots.

local DUE_PAGE = 8

-- The slot's next players with due work, read in small pages; dedicated ones and those asked for by name are left out.
local function due_reader(slot, before, asked)
  local rows, at, read = {}, 1, 0
  return function()
    while true do
      if at > #rows then
        rows, at = redis.call('ZRANGEBYSCORE', due_key(slot), '-inf', before, 'WITHSCORES', 'LIMIT', read, DUE_PAGE), 1
        read = read + DUE_PAGE
        if #rows == 0 then return nil end
      end
      local player, due = rows[at], tonumber(rows[at + 1])
      at = at + 2
      if not asked[player] and redis.call('HEXISTS', DEDICATED, player) == 0 then return {due, player} end
    end
  end
end

local function earlier(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end

-- Players named, as {due, player}, earliest first: read like a slot's.
local function named_reader(names, before)
  local found, at, asked = {}, 0, {}
  for i = 1, #names, 2 do
    local due = tonumber(redis.call('ZSCORE', due_key(names[i + 1]), names[i]) or before + 1)
    if due <= before then found[#found + 1] = {due, names[i]} end
    asked[names[i]] = true
  end
  table.sort(found, earlier)
  return asked, function()
    at = at + 1
    return found[at]
  end
end

-- before, limit, MessagePack of slots, MessagePack of {player, slot, …} -> players, earliest first: merged
local function due_players(_, args)
  local asked, named = named_reader(cmsgpack.unpack(args[4]), tonumber(args[1]))
  local readers, heads, found = {named}, {}, {}
  for _, slot in ipairs(cmsgpack.unpack(args[3])) do readers[#readers + 1] = due_reader(slot, args[1], asked) end
  for _, reader in ipairs(readers) do
    local head = reader()
    if head then heads[#heads + 1] = {head[1], head[2], reader} end
  end
  while #heads > 0 and #found < tonumber(args[2]) do
    local first = 1
    for i = 2, #heads do
      if earlier(heads[i], heads[first]) then first = i end
    end
    found[#found + 1] = heads[first][2]
    local head = heads[first][3]()
    if head then heads[first][1], heads[first][2] = head[1], head[2] else table.remove(heads, first) end
  end
  return found
end

-- limit, cursor in the first slot, MessagePack of ascending slots -> players, then slot and cursor to go on at, if any.
-- The sorted sets hold everybody, so that this needs no index of its own; ZSCAN misses nobody who stays in the set.
local function stored_players(_, args)
  local limit, cursor, slots, found = tonumber(args[1]), args[2], cmsgpack.unpack(args[3]), {}
  for i, slot in ipairs(slots) do
    repeat
      local page = redis.call('ZSCAN', due_key(slot), cursor, 'COUNT', limit)
      cursor = page[1]
      for at = 1, #page[2], 2 do found[#found + 1] = page[2][at] end
      if #found >= limit and cursor ~= '0' then return {found, slot, cursor} end
    until cursor == '0'
    if #found >= limit and slots[i + 1] then return {found, slots[i + 1], '0'} end
  end
  return {found}
end

-- shard, epoch, nonce, log, then slot, mark of each
local function put_due_marks(_, args)
  local refusal = not_held(args[1], args[2], args[3], args[4])
  if refusal then return refusal end
  for i = 5, #args, 2 do
    local owner = text(redis.call('HGET', SLOTS, args[i]))
    if owner ~= args[1] then return refuse('shard ' .. args[1] .. ' marks slot ' .. args[i] .. ' of ' .. owner) end
  end
  redis.call('HSET', PREFIX .. 'due_marks', unpack(args, 5))
  return 1
end

register('due_players', due_players, READS)
register('stored_players', stored_players, READS)
register('put_due_marks', put_due_marks, WRITES)

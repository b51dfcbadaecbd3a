
-- The control log, and operations that wait for a second person.
--
--   control:log            stream  <number>-0 -> e entry; the last number is the field log_last of control
--   proposals              hash    id -> MessagePack of {put_ms, summary}; proposals:order: zset of ids by put_ms
--   proposals:bodies       hash    id -> body
--   proposals:decisions    hash    id -> decision; none while it waits

local CONTROL_LOG = PREFIX .. 'control:log'
local PROPOSALS = PREFIX .. 'proposals'
local PROPOSAL_ORDER, PROPOSAL_BODIES = PROPOSALS .. ':order', PROPOSALS .. ':bodies'
local DECISIONS = PROPOSALS .. ':decisions'

local function control_last() return tonumber(redis.call('HGET', CONTROL, 'log_last') or 0) end

-- Removes all entries up to a number.
local function trim_log(through)
  if through > 0 then redis.call('XTRIM', CONTROL_LOG, 'MINID', string.format('%.0f-0', through + 1)) end
end

-- most entries, how many stay, entries -> number of the last
local function append_control(_, args)
  local last, most, kept = control_last(), tonumber(args[1]), tonumber(args[2])
  if #args > 2 and redis.call('XLEN', CONTROL_LOG) + #args - 2 > most then
    if redis.call('HEXISTS', READERS, ARCHIVE) == 1 then
      return redis.error_reply('CONTROL the control log has ' .. args[1]
        .. ' entries that the archive has not taken yet')
    end
    trim_log(last - kept)
  end
  for i = 3, #args do
    last = last + 1
    redis.call('XADD', CONTROL_LOG, string.format('%.0f-0', last), 'e', args[i])
  end
  redis.call('HSET', CONTROL, 'log_last', string.format('%.0f', last))
  return last
end

-- -> first, last
local function control_span()
  local last = control_last()
  local first = redis.call('XRANGE', CONTROL_LOG, '-', '+', 'COUNT', 1)[1]
  return {first and tonumber(string.match(first[1], '^%d+')) or last + 1, last}
end

-- reader, epoch, nonce, through, how many stay
local function trim_control(_, args)
  local now = fields(reader_key(args[1]), 'epoch', 'nonce')
  if now[1] ~= args[2] or now[2] ~= args[3] or redis.call('HEXISTS', READERS, args[1]) == 0 then
    return refuse('reader ' .. args[1] .. ': epoch ' .. args[2] .. ' is over, the store is at ' .. now[1])
  end
  trim_log(math.min(tonumber(args[4]), control_last() - tonumber(args[5])))
  return 1
end

local function remove_proposal(id)
  redis.call('ZREM', PROPOSAL_ORDER, id)
  for _, key in ipairs({PROPOSALS, PROPOSAL_BODIES, DECISIONS}) do redis.call('HDEL', key, id) end
end

-- id -> id, head, decision; nil if there is none
local function proposal(id)
  local head = redis.call('HGET', PROPOSALS, id)
  return head and {id, head, text(redis.call('HGET', DECISIONS, id))} or nil
end

-- id, put_ms, head, body, put_ms up to which they are removed, most -> as proposal()
local function put_proposal(_, args)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', PROPOSAL_ORDER, '-inf', args[5])) do remove_proposal(id) end
  local known = proposal(args[1])
  if known then return known end
  if redis.call('ZCARD', PROPOSAL_ORDER) >= tonumber(args[6]) then
    return redis.error_reply('PROPOSALS ' .. args[6] .. ' operations wait for a second person already')
  end
  redis.call('ZADD', PROPOSAL_ORDER, args[2], args[1])
  redis.call('HSET', PROPOSALS, args[1], args[3])
  redis.call('HSET', PROPOSAL_BODIES, args[1], args[4])
  return proposal(args[1])
end

local function proposals()
  local found = {}
  for i, id in ipairs(redis.call('ZREVRANGE', PROPOSAL_ORDER, 0, -1)) do found[i] = proposal(id) end
  return found
end

-- id, decision known, decision -> 1 and the decision that holds, or 0
local function decide_proposal(_, args)
  if redis.call('HEXISTS', PROPOSALS, args[1]) == 0 then return {0} end
  if text(redis.call('HGET', DECISIONS, args[1])) == args[2] then redis.call('HSET', DECISIONS, args[1], args[3]) end
  return {1, text(redis.call('HGET', DECISIONS, args[1]))}
end

-- id, decision that must hold
local function remove_decided(_, args)
  if text(redis.call('HGET', DECISIONS, args[1])) == args[2] then remove_proposal(args[1]) end
  return 1
end

register('append_control', append_control, WRITES)
register('control_span', control_span, READS)
register('trim_control', trim_control, WRITES)
register('put_proposal', put_proposal, WRITES)
register('proposals', proposals, READS)
register('decide_proposal', decide_proposal, WRITES)
register('remove_proposal', remove_decided, WRITES)

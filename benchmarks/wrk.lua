-- Sends the records of a file one by one: each request is signed beforehand and sent once.
-- Arguments: file, size of a record, records. One thread, so that the file has one reader.
local file, size, left

function init(args)
  file = assert(io.open(args[1], "rb"))
  file:setvbuf("full", 1048576)
  size = tonumber(args[2])
  left = tonumber(args[3])
  reused = 0
end

function request()
  if left == 0 then
    file:seek("set", 0)
    reused = reused + 1
  else
    left = left - 1
  end
  return file:read(size)
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local again = 0
  for _, thread in ipairs(threads) do again = again + thread:get("reused") end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"duration_us":%d,"bytes":%d,"failed":%d,"refused":%d,"reused":%d,' ..
    '"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.timeout, e.status, again,
    latency:percentile(50), latency:percentile(99), latency.max))
end

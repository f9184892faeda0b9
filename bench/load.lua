-- What wrk sends: chunks that were rendered beforehand (chunks.py), of which only the stream's number, the chunk's
-- index and the leading digits of its times are written anew, so that every chunk is new and the generator cheap.
--
-- Each thread has one connection, and so one request at a time. Request k of thread t is chunk number
-- first + k * threads + t of the whole load: it goes to stream number % streams, as index number / streams. A thread
-- that counts n acknowledgements thereby knows which chunks were acknowledged: its first n.
local ffi = require("ffi")

local threads = {}

-- Every thread is its own Lua state; what it counts is read by done() from its globals.
acknowledged = 0
refused = 0
refusal = ""

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

local function placeholders(text, character)
  local places, at = {}, text:find(character, 1, true)
  while at do
    table.insert(places, at - 1)
    local _, stop = text:find("^" .. character .. "+", at)
    at = text:find(character, stop + 1, true)
  end
  local offsets = ffi.new("int32_t[?]", math.max(#places, 1))
  for i, place in ipairs(places) do
    offsets[i - 1] = place
  end
  return { offsets = offsets, count = #places }
end

local function read_pool(path)
  local pool = {}
  local file = assert(io.open(path, "rb"))
  while true do
    local length = file:read(9)
    if not length then
      break
    end
    local text = file:read(tonumber(length))
    local buffer = ffi.new("char[?]", #text)
    ffi.copy(buffer, text, #text)
    table.insert(pool, {
      buffer = buffer,
      length = #text,
      stream = placeholders(text, "~"),
      index = placeholders(text, "@"),
      time = placeholders(text, "#"),
    })
  end
  file:close()
  return pool
end

-- A missing delay() is cheaper for wrk than one that answers 0.
local function pause_between_requests(millis)
  if millis > 0 then
    function delay()
      return millis
    end
  end
end

function init(args)
  pool = read_pool(args[1])
  stride, streams, first = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  time_digits, first_slot = tonumber(args[5]), tonumber(args[6])
  expected_status = tonumber(args[7])
  pause_between_requests(tonumber(args[8]))
  -- wrk calls request() of the first thread once before the start, and sends nothing.
  sent = (id == 0) and -1 or 0
end

local function write(buffer, field, digits, length)
  local offsets = field.offsets
  for i = 0, field.count - 1 do
    ffi.copy(buffer + offsets[i], digits, length)
  end
end

function request()
  local number = math.max(first + sent * stride + id, 0)
  local chunk = pool[math.max(sent, 0) % #pool + 1]
  local index = math.floor(number / streams)
  write(chunk.buffer, chunk.stream, string.format("%012x", number % streams), 12)
  write(chunk.buffer, chunk.index, string.format("%10d", index), 10)
  write(chunk.buffer, chunk.time, string.format("%0" .. time_digits .. "d", first_slot + index), time_digits)
  sent = sent + 1
  return ffi.string(chunk.buffer, chunk.length)
end

function response(status, headers, body)
  if status == expected_status then
    acknowledged = acknowledged + 1
  else
    refused = refused + 1
    if refusal == "" then
      refusal = status .. " " .. body:sub(1, 300):gsub("[%c\"\\]", " ")
    end
  end
end

function done(summary, latency, requests)
  local counts, others, first_refusal = {}, 0, ""
  for _, thread in ipairs(threads) do
    table.insert(counts, thread:get("acknowledged"))
    others = others + thread:get("refused")
    if first_refusal == "" then
      first_refusal = thread:get("refusal")
    end
  end
  local errors = summary.errors
  print(string.format('{"acknowledged": [%s], "refused": %d, "refusal": "%s", "seconds": %.6f,'
    .. ' "socket_errors": %d, "timeouts": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}',
    table.concat(counts, ", "), others, first_refusal, summary.duration / 1e6,
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end

-- The process that looks: others a little in the past, the player's own disc a little ahead, and numbers about both.
local ffi = require("ffi")
local binding = require("binding")
local network = require("network")
local smoothness = require("smoothness")
local muster, check, METRE = binding.muster, binding.check, binding.METRE

local MOST = 1024
local FIELD = { width = 66, height = 46 } -- metres
local SPEED = 6 -- metres a second
local REPORT = 1 / 30 -- seconds
local COLOURS = { { 0.36, 0.67, 0.93 }, { 0.96, 0.62, 0.26 }, { 0.95, 0.95, 0.95 } }
local NO_MAP = ffi.new("muster_bytes_t")

local client = {}
local options, udp, down, up, sync, terms, judge, ends, reported, said_hello
local ids, xy = ffi.new("muster_entity_t[?]", MOST), ffi.new("float[?]", 2 * MOST)
local teams, radii = ffi.new("int32_t[?]", MOST), ffi.new("int32_t[?]", MOST)
local events = ffi.new("muster_event_t[?]", MOST)
local out, size, count = ffi.new("uint8_t[?]", muster.MUSTER_REPORT_MAX), ffi.new("size_t[1]"), ffi.new("size_t[1]")
local flag, stats = ffi.new("bool[1]"), ffi.new("muster_sync_client_stats_t")
local predicted, received = ffi.new("muster_predicted_t"), ffi.new("muster_received_t")
local shown, commands, wish = 0, 0, ""
-- Bytes a second, counted over the last second.
local rate = { since = 0, bytes = 0, value = 0 }

function client.load(given)
  options = given
  udp = network.open("0.0.0.0", 0)
  assert(udp:setpeername(options.host, options.port))
  down, up = network.way(options), network.way(options)
  stats.size, predicted.size = ffi.sizeof(stats), ffi.sizeof(predicted)
  received.size = ffi.sizeof(received)
  reported, said_hello = 0, 0
  judge = smoothness.new(SPEED)
end

local function begin(welcome)
  terms = ffi.new("muster_sync_terms_t")
  terms.size = ffi.sizeof(terms)
  if muster.muster_sync_terms(binding.bytes(welcome), terms) ~= muster.MUSTER_OK then
    return
  end
  local handle = ffi.new("muster_sync_client_t *[1]")
  check(muster.muster_sync_client_create(binding.bytes(welcome), NO_MAP, nil, handle))
  sync = ffi.gc(handle[0], muster.muster_sync_client_destroy)
  ends = options.seconds and love.timer.getTime() + options.seconds
end

local function handle(datagram, now_us)
  local kind, body = datagram:sub(1, 1), datagram:sub(2)
  if kind == network.WELCOME and not sync then
    begin(body)
  elseif kind == network.PACKET and sync then
    -- What came twice or was damaged on its way is refused, counted, and forgotten.
    if muster.muster_sync_client_receive(sync, binding.bytes(body), now_us, received) == muster.MUSTER_OK then
      judge.handle_update(received.update)
    end
  end
end

local function listen()
  for _ = 1, 1000 do
    local datagram = udp:receive()
    if not datagram then
      break
    end
    down.put(datagram)
  end
  down.deliver(handle)
end

-- The direction that the player wants, or one that goes round in circles.
local function direction()
  if options.auto then
    local angle = math.floor(love.timer.getTime() * 3) * 0.6
    return math.cos(angle), math.sin(angle)
  end
  local is_down = function(key)
    return love.keyboard.isDown(key) and 1 or 0
  end
  local x, y = is_down("right") - is_down("left"), is_down("up") - is_down("down")
  local length = math.max(1, math.sqrt(x * x + y * y))
  return x / length, y / length
end

-- Says what the player wants, if it is something else than before.
local function command()
  check(muster.muster_sync_client_predicted(sync, flag, predicted))
  local x, y = direction()
  local new = ("%.3f %.3f"):format(x, y)
  if not flag[0] or new == wish then
    return
  end
  local order = ffi.new("muster_command_t")
  order.entity = predicted.entity
  order.action = muster.MUSTER_ACTION_SET_VELOCITY
  order.velocity_x, order.velocity_y = x * SPEED * METRE * 0.9, y * SPEED * METRE * 0.9
  -- While the server does not answer there is no room for more, and the next frame tries again.
  if muster.muster_sync_client_command(sync, order, ffi.sizeof(order)) == muster.MUSTER_OK then
    wish, commands = new, commands + 1
  end
end

local function look(now)
  check(muster.muster_sync_client_advance(sync, now * 1e6))
  check(muster.muster_sync_client_ids(sync, ids, MOST, count))
  shown = tonumber(count[0])
  check(muster.muster_sync_client_read_metres(sync, binding.ORIGIN, xy, MOST, count))
  check(muster.muster_sync_client_read_i32(sync, muster.MUSTER_COLUMN_TEAM, teams, MOST, count))
  check(muster.muster_sync_client_read_i32(sync, muster.MUSTER_COLUMN_HALF_X, radii, MOST, count))
  check(muster.muster_sync_client_take_events(sync, events, ffi.sizeof("muster_event_t"), MOST, count))
  check(muster.muster_sync_client_stats(sync, stats))
  judge.handle_frame(now, tonumber(stats.shown_tick), shown, ids, xy)
end

local function finish()
  judge.finish(tonumber(stats.shown_tick))
  -- For tests, and for who wants to compare networks.
  local seen = ("frames %d shown %d jump_mm %d gap_updates %d missing_ticks %d frame_ms %d"):format(
    judge.frames, judge.shown_max, judge.jump_max * 1000, judge.gap_max, judge.missing_max, judge.frame_max * 1000)
  local counted = ("corrections %d commands %d rtt_ms %d lost %d dropped %d"):format(
    tonumber(stats.corrections), commands, stats.rtt_us / 1000, tonumber(stats.lost), down.lost + up.lost)
  print(seen .. " " .. counted)
  io.stdout:flush()
  ends = nil
  if not options.picture then
    love.event.quit()
    return
  end
  love.graphics.captureScreenshot(function(picture)
    picture:encode(options.picture:match("%a+$"), options.picture)
    love.event.quit()
  end)
end

function client.update()
  listen()
  local now = love.timer.getTime()
  if not sync then
    if now - said_hello > 0.25 then
      said_hello = now
      check(muster.muster_sync_hello(out, muster.MUSTER_REPORT_MAX, size))
      up.put(network.HELLO .. ffi.string(out, size[0]))
    end
  else
    command()
    look(now)
    if now - reported >= REPORT then
      reported = now
      check(muster.muster_sync_client_report(sync, now * 1e6, out, muster.MUSTER_REPORT_MAX, size))
      up.put(network.REPORT .. ffi.string(out, size[0]))
    end
    if ends and now > ends then
      finish()
    end
  end
  up.deliver(function(datagram)
    udp:send(datagram)
  end)
end

local function numbers()
  local now = love.timer.getTime()
  local bytes = tonumber(stats.bytes)
  if now - rate.since >= 1 then
    rate.value, rate.since, rate.bytes = (bytes - rate.bytes) / (now - rate.since), now, bytes
  end
  local packets, lost = tonumber(stats.packets), tonumber(stats.lost)
  local road = ("there and back %d ms   jitter %d ms   lost %.1f %%"):format(
    stats.rtt_us / 1000, stats.jitter_us / 1000, 100 * lost / math.max(1, packets + lost))
  return ("%d in sight   %.1f kB/s   %s   shown %d ms late   corrections %d"):format(
    shown, rate.value / 1000, road, stats.delay_us / 1000, tonumber(stats.corrections))
end

function client.draw()
  local scale = love.graphics.getWidth() / FIELD.width
  love.graphics.clear(0.13, 0.15, 0.19)
  love.graphics.push()
  -- Metres to the right and upwards, as the world has them.
  love.graphics.translate(0, love.graphics.getHeight())
  love.graphics.scale(scale, -scale)
  for i = 0, shown - 1 do
    love.graphics.setColor(COLOURS[teams[i]])
    love.graphics.circle("fill", xy[2 * i], xy[2 * i + 1], radii[i] / 256, 20)
  end
  love.graphics.pop()
  love.graphics.setColor(0.9, 0.9, 0.9)
  love.graphics.print(sync and numbers() or "Nobody answers yet.", 16, 14)
end

return client

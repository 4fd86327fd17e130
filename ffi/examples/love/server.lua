-- The process that has the world: bots that wander about, and a disc for every viewer who says hello.
local ffi = require("ffi")
local binding = require("binding")
local network = require("network")
local muster, check, place, METRE = binding.muster, binding.check, binding.place, binding.METRE

local BOTS = 120
local FIELD = { width = 66, height = 46 } -- metres
local TICK = 1 / 60 -- seconds
local SILENCE = 5 -- seconds, after which a viewer is gone
local STANDSTILL = 0.1 -- seconds, after which it says that its machine let it wait
local NOTHING = ffi.new("muster_bytes_t")

local server = {}
local world, sync, udp, waiting, ends
-- Viewers by address, and the numbers of their players.
local viewers, players = {}, 0
local packets, lengths = ffi.new("uint8_t[65536]"), ffi.new("uint32_t[64]")
local size, count, flag = ffi.new("size_t[1]"), ffi.new("size_t[1]"), ffi.new("bool[1]")

local function make_world()
  local config = ffi.new("muster_world_config_t")
  check(muster.muster_world_config_default(config, ffi.sizeof(config)))
  local steps = ffi.new("muster_step_t[1]", { { muster.MUSTER_STEP_WANDER, 14 * METRE } })
  local behaviours = ffi.new("muster_behaviour_t[1]")
  behaviours[0].steps, behaviours[0].step_count = steps, 1
  behaviours[0].think_ticks, behaviours[0].sight = 30, 10 * METRE
  config.behaviours, config.behaviour_count = behaviours, 1
  config.behaviour_size = ffi.sizeof("muster_behaviour_t")
  config.entities_max = 1024
  local handle = ffi.new("muster_world_t *[1]")
  check(muster.muster_world_create(config, handle))
  return ffi.gc(handle[0], muster.muster_world_destroy)
end

local function disc(x, y)
  local spawn = ffi.new("muster_spawn_t")
  spawn.position = place(x, y)
  spawn.half_x, spawn.mass = 150, 80000
  spawn.health, spawn.health_max = 100, 100
  spawn.speed_max, spawn.acceleration_max = 6 * METRE, 24 * METRE
  return spawn
end

local function add(spawn)
  local id = ffi.new("muster_entity_t[1]")
  check(muster.muster_entities_spawn(world, spawn, 1, ffi.sizeof("muster_spawn_t"), id))
  return id[0]
end

function server.load(options)
  world = make_world()
  local rows = 10
  for i = 0, BOTS - 1 do
    local bot = disc((math.floor(i / rows) + 0.5) * FIELD.width * rows / BOTS, (i % rows + 0.5) * FIELD.height / rows)
    bot.bot, bot.team = 1, 1 + i % 2
    bot.layers, bot.collides = 1, 1
    add(bot)
  end
  local config = ffi.new("muster_sync_config_t")
  check(muster.muster_sync_config_default(config, ffi.sizeof(config)))
  config.session = love.math.random(1, 2 ^ 31)
  local handle = ffi.new("muster_sync_server_t *[1]")
  check(muster.muster_sync_server_create(world, config, handle))
  sync = ffi.gc(handle[0], muster.muster_sync_server_destroy)
  udp = network.open("127.0.0.1", options.port)
  waiting = 0
  ends = options.seconds and love.timer.getTime() + options.seconds
  local _, port = udp:getsockname()
  print("listening on port " .. port)
  io.stdout:flush()
end

-- Lets somebody in, and gives a disc to move. Others do not bump into it, so that it goes where its player says.
local function welcome(key, address, port, hello)
  local viewer = viewers[key]
  local answer = ffi.new("uint8_t[8192]")
  local player = viewer and viewer.player or players + 1
  local result = muster.muster_sync_server_welcome(sync, world, binding.bytes(hello), player, answer, 8192, size)
  if result ~= muster.MUSTER_OK then
    return
  end
  udp:sendto(network.WELCOME .. ffi.string(answer, size[0]), address, port)
  if viewer then
    return
  end
  players = player
  local avatar = disc(FIELD.width / 2, FIELD.height / 2)
  avatar.owner, avatar.team, avatar.kind = player, 3, 1
  avatar.layers, avatar.collides = 2, 2
  viewer = { address = address, port = port, player = player, heard = love.timer.getTime(), avatar = add(avatar) }
  local options, id = ffi.new("muster_viewer_options_t"), ffi.new("muster_viewer_t[1]")
  check(muster.muster_viewer_options_default(options, ffi.sizeof(options)))
  options.player, options.team = player, 3
  check(muster.muster_sync_server_add_viewer(sync, options, id))
  viewer.id = id[0]
  local view = ffi.new("muster_view_t")
  view.entity, view.enter, view.leave = viewer.avatar, 120 * METRE, 132 * METRE
  check(muster.muster_sync_server_set_views(sync, viewer.id, view, 1, ffi.sizeof(view)))
  check(muster.muster_sync_server_set_predicted(sync, viewer.id, viewer.avatar))
  viewers[key] = viewer
end

local function listen()
  for _ = 1, 1000 do
    local datagram, address, port = udp:receivefrom()
    if not datagram then
      return
    end
    local key, body = address .. ":" .. port, datagram:sub(2)
    local viewer = viewers[key]
    if datagram:sub(1, 1) == network.HELLO then
      welcome(key, address, port, body)
    elseif viewer and datagram:sub(1, 1) == network.REPORT then
      -- A report that comes twice or late is refused, and nothing is lost by it.
      local result = muster.muster_sync_server_receive(sync, viewer.id, binding.bytes(body), binding.now_us())
      if result == muster.MUSTER_OK then
        viewer.heard = love.timer.getTime()
      end
    end
  end
end

local function forget_the_silent()
  for key, viewer in pairs(viewers) do
    if love.timer.getTime() - viewer.heard > SILENCE then
      check(muster.muster_sync_server_remove_viewer(sync, viewer.id))
      check(muster.muster_entities_despawn(world, ffi.new("muster_entity_t[1]", viewer.avatar), 1))
      viewers[key] = nil
    end
  end
end

local function tell(viewer)
  check(muster.muster_sync_server_take_packets(
    sync, world, viewer.id, binding.now_us(), packets, 65536, size, lengths, 64, count))
  local from = 0
  for i = 0, tonumber(count[0]) - 1 do
    udp:sendto(network.PACKET .. ffi.string(packets + from, lengths[i]), viewer.address, viewer.port)
    from = from + lengths[i]
  end
end

function server.update(seconds)
  if seconds > STANDSTILL then
    print(("stood still for %d ms"):format(seconds * 1000))
    io.stdout:flush()
  end
  listen()
  forget_the_silent()
  -- What a busy machine has missed is made up for, so that the world's time is that of the wall.
  waiting = math.min(waiting + seconds, 1)
  while waiting >= TICK do
    waiting = waiting - TICK
    for _, viewer in pairs(viewers) do
      check(muster.muster_sync_server_apply_inputs(sync, world, viewer.id, nil))
    end
    check(muster.muster_world_step(world, NOTHING))
    check(muster.muster_sync_server_tick(sync, world, flag))
    if flag[0] then
      for _, viewer in pairs(viewers) do
        tell(viewer)
      end
    end
  end
  if ends and love.timer.getTime() > ends then
    love.event.quit()
  end
end

return server

-- A live world in this process: four hundred discs of two teams in a pen. Press the mouse, and they come to it.
local ffi = require("ffi")
local binding = require("binding")
local muster, check, place, METRE = binding.muster, binding.check, binding.place, binding.METRE

local DISCS = 400
local PEN = { width = 60, height = 40 } -- metres
local COLOURS = { { 0.36, 0.67, 0.93 }, { 0.96, 0.62, 0.26 } }
-- For tests: after so many frames a picture is written, and the program ends.
local FRAMES = tonumber(os.getenv("MUSTER_FRAMES"))
local PICTURE = os.getenv("MUSTER_PICTURE") or "swarm.png"

local TICK = 1 / 60 -- seconds
local NOTHING, ORIGIN = ffi.new("muster_bytes_t"), ffi.new("muster_position_t")

local swarm = {}

local world, count, waiting, frame
-- Arrays of the discs and the walls, in one order; the library fills them.
local ids, xy, teams, radii, velocity_x, velocity_y

-- The pen: four boxes of no mass, which nothing moves.
local function walls(spawns, from)
  local half_width, half_height = PEN.width / 2, PEN.height / 2
  local sides = {
    { half_width, -0.5, half_width, 0.5 },
    { half_width, PEN.height + 0.5, half_width, 0.5 },
    { -0.5, half_height, 0.5, half_height },
    { PEN.width + 0.5, half_height, 0.5, half_height },
  }
  for index, side in ipairs(sides) do
    local wall = spawns[from + index - 1]
    wall.position = place(side[1] + 1, side[2] + 1)
    wall.shape = muster.MUSTER_SHAPE_BOX
    wall.half_x, wall.half_y = side[3] * 256, side[4] * 256
    wall.layers, wall.collides = 1, 1
  end
  return #sides
end

function swarm.load()
  local handle = ffi.new("muster_world_t *[1]")
  check(muster.muster_world_create(nil, handle))
  -- The world ends with the last reference to it, as a Lua programmer expects.
  world = ffi.gc(handle[0], muster.muster_world_destroy)

  local spawns = ffi.new("muster_spawn_t[?]", DISCS + 4)
  for i = 0, DISCS - 1 do
    local disc = spawns[i]
    disc.position = place(3 + i % 25 * 2.35, 3 + math.floor(i / 25) * 2.35)
    disc.half_x = 90 + i % 5 * 30 -- 2^-8 m
    disc.mass = 80000
    disc.restitution = 220
    disc.layers, disc.collides = 1, 1
    disc.team, disc.owner = 1 + i % 2, 1 + i % 2
    disc.velocity_x = (i * 37 % 21 - 10) * METRE
    disc.velocity_y = (i * 53 % 17 - 8) * METRE
    disc.speed_max = 14 * METRE
  end
  count = DISCS + walls(spawns, DISCS)
  ids, xy = ffi.new("muster_entity_t[?]", count), ffi.new("float[?]", 2 * count)
  teams, radii = ffi.new("int32_t[?]", count), ffi.new("int32_t[?]", count)
  velocity_x, velocity_y = ffi.new("int32_t[?]", DISCS), ffi.new("int32_t[?]", DISCS)
  check(muster.muster_entities_spawn(world, spawns, count, ffi.sizeof("muster_spawn_t"), ids))
  check(muster.muster_entities_read_i32(world, ids, count, muster.MUSTER_COLUMN_TEAM, teams))
  check(muster.muster_entities_read_i32(world, ids, count, muster.MUSTER_COLUMN_HALF_X, radii))
  waiting, frame = 0, 0
end

-- For as long as a button is down, every disc heads for the mouse.
local function herd()
  if not love.mouse.isDown(1) then
    return
  end
  local scale = love.graphics.getWidth() / (PEN.width + 2)
  local x, y = love.mouse.getX() / scale, (love.graphics.getHeight() - love.mouse.getY()) / scale
  for i = 0, DISCS - 1 do
    local right, up = x - xy[2 * i], y - xy[2 * i + 1]
    local factor = 8 * METRE / math.max(1, math.sqrt(right * right + up * up))
    velocity_x[i], velocity_y[i] = right * factor, up * factor
  end
  check(muster.muster_entities_write_i32(world, ids, DISCS, muster.MUSTER_COLUMN_VELOCITY_X, velocity_x))
  check(muster.muster_entities_write_i32(world, ids, DISCS, muster.MUSTER_COLUMN_VELOCITY_Y, velocity_y))
end

-- The world has its own clock of 60 ticks a second, whatever the screen does.
function swarm.update(seconds)
  waiting = FRAMES and TICK or math.min(waiting + seconds, 0.1)
  while waiting >= TICK do
    herd()
    check(muster.muster_world_step(world, NOTHING))
    waiting = waiting - TICK
  end
  check(muster.muster_entities_read_metres(world, ids, count, ORIGIN, xy))
end

function swarm.draw()
  local scale = love.graphics.getWidth() / (PEN.width + 2)
  love.graphics.clear(0.07, 0.08, 0.10)
  love.graphics.push()
  -- Metres to the right and upwards, as the world has them.
  love.graphics.translate(0, love.graphics.getHeight())
  love.graphics.scale(scale, -scale)
  love.graphics.setColor(0.13, 0.15, 0.19)
  love.graphics.rectangle("fill", 1, 1, PEN.width, PEN.height)
  for i = 0, DISCS - 1 do
    love.graphics.setColor(COLOURS[teams[i]])
    love.graphics.circle("fill", xy[2 * i], xy[2 * i + 1], radii[i] / 256, 20)
  end
  love.graphics.pop()

  local tick, hash = ffi.new("uint64_t[1]"), ffi.new("uint64_t[1]")
  check(muster.muster_world_tick(world, tick))
  check(muster.muster_world_hash(world, hash))
  love.graphics.setColor(0.9, 0.9, 0.9)
  love.graphics.print(
    ("Muster %s   tick %d   state %s"):format(
      ffi.string(muster.muster_version_text()), tonumber(tick[0]), bit.tohex(hash[0])),
    16, 14)

  frame = frame + 1
  if frame == FRAMES then
    love.graphics.captureScreenshot(function(picture)
      picture:encode(PICTURE:match("%a+$"), PICTURE)
      love.event.quit()
    end)
  end
end

return swarm

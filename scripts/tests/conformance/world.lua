-- The world as scripts have it. Its map is in the test's own file.

local rules = {}

function rules.match_init()
	return {
		tick_rate = 20,
		attributes = { public = { "score" }, owner = { "ammo" }, hidden = { "secret" } },
		weapons = { { name = "laser", damage = 30, range = 40, reload_seconds = 0.5 } },
		behaviours = { { name = "hunter", sight = 40, steps = { "chase" } } },
		teams = 2,
	}
end

function rules.match_loop(self, tick)
	if tick == 0 then
		self:TEST_NAME()
		self.done = not self.later
	elseif self.later and tick == 10 then
		self[self.later](self)
		self.done = true
	end
end

function rules.match_signal(self)
	return if self.done then "done" else ""
end

local function near(a, b)
	return math.abs(a - b) < 1e-3
end

function rules.test_fields_are_in_units(self)
	local id = world.spawn({
		x = 10.5, y = 20.25, velocity_x = 3, heading = math.pi / 2, radius = 0.75, mass = 2.5, restitution = 1,
		health = 7, health_max = 9, state = 3, team = 2, kind = 4, owner = 5, weapon = "laser", score = 11, secret = -4,
		speed_max = 6, acceleration_max = 12,
	})
	local x, y, velocity, heading = world.get(id, "x", "y", "velocity_x", "heading")
	assert(x == 10.5 and y == 20.25 and velocity == 3 and near(heading, math.pi / 2))
	local radius, mass, restitution, weapon = world.get(id, "radius", "mass", "restitution", "weapon")
	assert(radius == 0.75 and mass == 2.5 and restitution == 1 and weapon == 1)
	assert(world.get(id, "score") == 11 and world.get(id, "secret") == -4 and world.get(id, "ammo") == 0)
	assert(world.set(id, { health = 8, score = 12, heading = -math.pi / 2 }))
	assert(world.get(id, "health") == 8 and world.get(id, "score") == 12 and near(world.get(id, "heading"), 1.5 * math.pi))
	assert(world.count() == 1 and world.exists(id))
	assert(world.place(id, 30, 40) and world.get(id, "x") == 30)
	assert(world.despawn(id) and not world.despawn(id) and not world.exists(id))
	assert(world.get(id, "x") == nil and world.set(id, { health = 1 }) == false and world.place(id, 1, 1) == false)
	local other = world.spawn({ x = 1, y = 1 })
	assert(other ~= id, "an id never means another entity")
end

function rules.test_wrong_fields_are_named(self)
	local function fails(text, run, ...)
		local ok, problem = pcall(run, ...)
		assert(not ok and string.find(tostring(problem), text, 1, true), tostring(problem))
	end
	fails("`x` and `y`", world.spawn, {})
	fails("is `velocity_x` meant?", world.spawn, { x = 1, y = 1, velocty_x = 1 })
	fails("is out of its range", world.spawn, { x = 1, y = 1, speed_max = -1 })
	fails("there is no weapon `sword`", world.spawn, { x = 1, y = 1, weapon = "sword" })
	fails("must be a number, not a string", world.spawn, { x = 1, y = 1, health = "full" })
	fails("`layers`", world.all, { layrs = 1 })
	fails("there are no events", world.events, "hitt")
	fails("a place of its own", function()
		error("a place of its own")
	end)
end

function rules.test_queries_find_what_is_there(self)
	local ids = {}
	for index = 0, 9 do
		ids[index] = world.spawn({ x = 10 + index, y = 10, team = index % 2 + 1, kind = index % 3, owner = index })
	end
	assert(#world.all() == 10 and #world.all({ team = 1 }) == 5 and #world.all({ except_team = 1, kind = 0 }) == 2)
	local found = world.near(10, 10, 2.4)
	assert(#found == 3 and found[1] == ids[0] and found[3] == ids[2], #found)
	local nearest = world.nearest(19, 10, 50, 2, { kind = 0 })
	assert(nearest[1] == ids[9] and nearest[2] == ids[6])
	assert(#world.in_box(15, 10, 1, 1, { except = ids[15 - 10] }) == 2)
	assert(world.all({ owner = 7 })[1] == ids[7])
	local hit = world.ray(5, 10, 40, 0)
	assert(hit.id == ids[0] and near(hit.x, 9.5))
	local wall = world.ray(40, 40, 30, 0)
	assert(wall.id == 0 and near(wall.x, 50) and near(wall.part, 1 / 3))
	assert(world.ray(40, 40, 5, 0) == nil)
	assert(world.sees(40, 70, 60, 70) and not world.sees(40, 40, 60, 40))
end

function rules.test_rows_hold_many(self)
	local rows = world.rows("x", "y", "health", "score")
	assert(rows:all() == 0 and rows.count == 0)
	local xs, ys = buffer.create(8 * 500), buffer.create(8 * 500)
	rows.x, rows.y, rows.health, rows.score = xs, ys, buffer.create(8 * 500), buffer.create(8 * 500)
	for index = 0, 499 do
		buffer.writef64(xs, 8 * index, index % 40)
		buffer.writef64(ys, 8 * index, index // 40)
		buffer.writef64(rows.health, 8 * index, index)
	end
	assert(rows:spawn(500, { health_max = 1000, speed_max = 4, acceleration_max = 9 }) == 500)
	assert(world.count() == 500 and world.get(buffer.readf64(rows.id, 8 * 41), "x") == 1)
	assert(rows:all() == 500 and buffer.readf64(rows.health, 8 * 499) == 499)
	for index = 0, 499 do
		buffer.writef64(rows.score, 8 * index, if index < 100 then index + 1 else 0)
	end
	assert(rows:set("score", "health") == 100)
	assert(world.get(buffer.readf64(rows.id, 8 * 99), "score") == 100)
	assert(rows:near(0, 0, 1.9) > 0 and rows.count < 20)
	local count = rows:all({ kind = 0 })
	local velocity = buffer.create(8 * count)
	for index = 0, count - 1 do
		buffer.writef64(velocity, 8 * index, if index % 2 == 0 then 1 else 0 / 0)
	end
	assert(rows:velocity(velocity, velocity) == 250)
	assert(not pcall(rows.velocity, rows, buffer.create(8), buffer.create(8)))
	world.despawn(buffer.readf64(rows.id, 0))
	rows:read()
	assert(buffer.readf64(rows.id, 0) == 0 and buffer.readf64(rows.id, 8) ~= 0)
	assert(rows:stop() == 499 and rows:despawn() == 499 and world.count() == 0)
	assert(not pcall(rows.all, {}), "rows are made by world.rows")
end

function rules.test_places_of_the_map(self)
	local width, height = world.size()
	assert(width == 100 and height == 80)
	local zone = world.zones()[1]
	assert(zone.number == 0 and zone.name == "a" and zone.x == 20 and zone.half_width == 5 and zone.is_circle)
	assert(zone.team == 2 and zone.value == 7 and zone.tag == 3 and world.zone_holder(0) == 2)
	assert(#world.spawn_points() == 2 and #world.spawn_points(1) == 1 and #world.spawn_points(2) == 2)
	assert(near(world.spawn_points(2)[2].heading, math.pi))
	local pickup = world.pickups()[1]
	assert(pickup.kind == 4 and pickup.amount == 25 and world.pickup_is_there(0) and not world.pickup_is_there(9))
	assert(#world.routes() == 1 and world.routes()[1][2].x == 2)
end

function rules.test_commands_and_events(self)
	local function fighter(x, team)
		return world.spawn({
			x = x, y = 10, team = team, radius = 0.5, health = 50, health_max = 50, weapon = "laser", speed_max = 8,
			acceleration_max = 40,
		})
	end
	self.one, self.two = fighter(10, 1), fighter(20, 2)
	self.walker = world.spawn({ x = 30, y = 40, speed_max = 8, acceleration_max = 40 })
	world.attack(self.one, self.two)
	world.move_to(self.walker, 33, 40)
	world.emit(77, { x = 1, y = 2, subject = self.one, value = 5 })
	self.seen = {}
	timer.every(1, "look")
	self.later = "fought"
end

function rules.look(self)
	local rows = world.rows("subject", "detail", "value", "times")
	assert(not pcall(world.rows, "count"), "that is how many rows there are")
	for _, event in world.events() do
		self.seen[event.kind] = event
	end
	if rows:events("custom") == 1 then
		self.custom = buffer.readf64(rows.detail, 0) + buffer.readf64(rows.value, 0)
		assert(buffer.readf64(rows.times, 0) == 1)
	end
end

function rules.fought(self)
	assert(self.seen.hit and self.seen.hit.value == 30 and self.custom == 82)
	assert(world.get(self.two, "health") == 20 or not world.exists(self.two))
	assert(world.get(self.walker, "x") > 30.5)
end

function rules.test_projectiles_and_take_over(self)
	self.target = world.spawn({ x = 20, y = 40, health = 10, health_max = 10, owner = 3 })
	world.launch({ x = 15, y = 40, velocity_x = 100, damage = 10, range = 50, radius = 0.1, hits = 65535 })
	self.other = world.spawn({ x = 10, y = 70, owner = 3, speed_max = 5, acceleration_max = 5 })
	world.take_over(3, "hunter")
	assert(world.get(self.other, "bot") == 1)
	world.hand_back(3)
	assert(world.get(self.other, "bot") == 0)
	assert(not pcall(world.take_over, 3, "nobody"))
	self.later = "shot"
end

function rules.shot(self)
	assert(not world.exists(self.target))
end

function rules.test_the_store_answers_later(self)
	local id = store.set(0, "best", { 1, 2 }, "tag")
	assert(id == 1 and store.get(0, "best") == 2)
	assert(not pcall(store.get, 5, "x"), "player 5 is not here")
	assert(not pcall(store.set, 0, "", 1) and not pcall(store.add, 0, "k", 0.5))
end

return rules

-- Race: cars go round a ring. Zones of the map with tags 1, 2, 3... are checkpoints and have to be passed in order; passing
-- the first again ends a lap. Whoever has all laps first wins; the others may finish within half a minute.

local rules = {}

local CAR = 1
local COUNTDOWN_SECONDS = 3
local GRACE_SECONDS = 30
local NAMES = { "Vega", "Rigel", "Mira", "Deneb", "Altair", "Spica" }

function rules.match_init(ctx, params)
	params = params or {}
	return {
		tick_rate = 30,
		players_max = 12,
		label = "race",
		attributes = { public = { "lap", "checkpoint", "place" } },
		behaviours = { { name = "driver", think_seconds = 0.1, steps = { { "patrol", route = 0 } } } },
		world = { entities_max = 64, projectiles_max = 0, speed_max = 40, path_expansions_per_tick = 2000 },
		view = { enter = 150, leave = 160 },
		away = { behaviour = "driver", seconds = 30 },
		client = { controls = "car", speed = 22, kinds = { { kind = CAR, name = "car" } } },
		state = {
			laps = math.clamp(params.laps or 3, 1, 50),
			bots = math.clamp(params.bots or 3, 0, 12),
			cars = {},
			finished = 0,
			is_open = false,
			tags = {}, -- the tag of each zone, by its number
			checkpoints = 0,
		},
	}
end

function rules.match_start(self)
	for _, zone in world.zones() do
		self.tags[tostring(zone.number)] = zone.tag
		self.checkpoints = math.max(self.checkpoints, zone.tag)
	end
	for index = 1, self.bots do
		self:add_car(0, NAMES[(index - 1) % #NAMES + 1] .. " (bot)")
	end
	timer.after(match.ticks(COUNTDOWN_SECONDS), "go")
end

function rules.match_join(self, player)
	for at, car in self.cars do
		if #self.cars >= 12 and car.player == 0 then
			world.despawn(car.unit)
			table.remove(self.cars, at)
			break
		end
	end
	local car = self:add_car(player.number, player.name)
	match.control(player.number, car.unit)
	match.send(player.number, { type = "race", laps = self.laps, checkpoints = self.checkpoints, is_open = self.is_open })
	self:tell_places()
end

function rules.match_leave(self, player)
	for at, car in self.cars do
		if car.player == player.number then
			world.despawn(car.unit)
			table.remove(self.cars, at)
			break
		end
	end
	self:tell_places()
end

function rules.add_car(self, player, name)
	local points = world.spawn_points()
	local point = points[#self.cars % #points + 1]
	local car = { player = player, name = name, lap = 0, checkpoint = 0, ticks = 0, done = 0 }
	car.unit = world.spawn({
		x = point.x,
		y = point.y,
		kind = CAR,
		owner = player,
		bot = if player == 0 and self.is_open then "driver" else 0,
		radius = 0.9,
		mass = 900,
		restitution = 0.4,
		speed_max = if self.is_open then self:speed(player) else 0.01,
		acceleration_max = 14,
		avoids = true,
	})
	table.insert(self.cars, car)
	return car
end

-- Bots are a little slower than players, each by another bit.
function rules.speed(self, player)
	return if player == 0 then 17 + math.random() * 3 else 22
end

function rules.go(self)
	self.is_open = true
	for _, car in self.cars do
		world.set(car.unit, { speed_max = self:speed(car.player), bot = if car.player == 0 then "driver" else 0 })
	end
	match.broadcast({ type = "go" })
end

function rules.match_loop(self, tick, messages)
	for _, event in world.events("zone_entered") do
		for _, car in self.cars do
			if car.unit == event.subject then
				self:pass(car, self.tags[tostring(event.detail)] or 0, tick)
			end
		end
	end
	if tick % 30 == 0 then
		self:tell_places()
	end
end

function rules.pass(self, car, tag, tick)
	if tag ~= car.checkpoint % self.checkpoints + 1 or car.done > 0 then
		return
	end
	car.checkpoint, car.ticks = tag, tick
	if tag == 1 then
		car.lap += 1
		if car.lap > self.laps then
			self.finished += 1
			car.done = self.finished
			match.broadcast({ type = "finished", name = car.name, place = car.done })
			world.stop(car.unit)
			world.set(car.unit, { bot = 0, speed_max = 1 })
			if car.done == 1 then
				timer.after(match.ticks(GRACE_SECONDS), "finish")
			end
			if self.finished == #self.cars then
				self:finish()
				return
			end
		end
	end
	world.set(car.unit, { lap = car.lap, checkpoint = car.checkpoint })
end

-- The order of the cars: who is done, then who has more laps and checkpoints, then who had them earlier.
function rules.order(self)
	local list = table.clone(self.cars)
	table.sort(list, function(a, b)
		if (a.done > 0) ~= (b.done > 0) then
			return a.done > 0
		elseif a.done ~= b.done then
			return a.done < b.done
		elseif a.lap ~= b.lap then
			return a.lap > b.lap
		elseif a.checkpoint ~= b.checkpoint then
			return a.checkpoint > b.checkpoint
		end
		return if a.ticks ~= b.ticks then a.ticks < b.ticks else a.unit < b.unit
	end)
	return list
end

function rules.tell_places(self)
	local places = {}
	for place, car in self:order() do
		world.set(car.unit, { place = place })
		places[place] = { name = car.name, player = car.player, lap = math.min(car.lap, self.laps), done = car.done > 0 }
	end
	match.broadcast({ type = "places", places = places, laps = self.laps })
end

function rules.finish(self)
	local result = {}
	for place, car in self:order() do
		result[place] = car.name
		if car.player > 0 then
			store.add(car.player, if place == 1 then "won" else "played", 1)
		end
	end
	match.broadcast({ type = "over", order = result })
	match.stop("finished", { order = result })
end

return rules

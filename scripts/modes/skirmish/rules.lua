-- Skirmish: each side has a base and units in groups. Points that a side holds pay for new units; a side that has lost its
-- base has lost. Players see what is near their own units and their base. Sides without a player are led by bots.

local rules = {}

local UNIT, BASE = 1, 2
local UNIT_COST = 30
local UNITS_MAX = 60 -- of a side
local PAY_SECONDS = 2
local SIGHT = 26 -- metres
local SPREAD = 16 -- metres between the places that a side looks from

function rules.match_init(ctx, params)
	params = params or {}
	return {
		tick_rate = 20,
		players_max = 8,
		teams = 2,
		spectators = false, -- they would see through the fog
		label = "skirmish",
		attributes = { owner = { "gold" } },
		weapons = {
			{ name = "gun", damage = 8, range = 12, reload_seconds = 0.5, projectile_speed = 40, projectile_radius = 0.1, tracer = true },
			{ name = "tower", damage = 15, range = 18, reload_seconds = 0.6, projectile_speed = 40, projectile_radius = 0.1, tracer = true },
		},
		behaviours = {
			{ name = "raider", sight = 16, think_seconds = 0.5, steps = { "chase", "capture", { "wander", radius = 40 } } },
			{ name = "guard", sight = 18, think_seconds = 0.5, steps = { { "guard", radius = 18 } } },
		},
		world = { entities_max = 512, projectiles_max = 2048, speed_max = 60, base_kinds = { BASE } },
		view = { enter = SIGHT, leave = SIGHT + 3 },
		sync = { cell_shift = 20 }, -- cells of 16 m: who sees a part of one is told of all that is in it
		away = { behaviour = "raider", seconds = 120 },
		client = {
			controls = "commander",
			kinds = { { kind = UNIT, name = "unit" }, { kind = BASE, name = "base" } },
			unit_cost = UNIT_COST,
			sight = SIGHT,
		},
		state = {
			sides = { { gold = 60, base = 0, players = {} }, { gold = 60, base = 0, players = {} } },
			units_at_start = math.clamp(params.units or 8, 1, UNITS_MAX),
			ends_at = 20 * (params.seconds or 900),
		},
	}
end

local units -- filled anew whenever it is looked at, so that nothing of it has to be saved

function rules.match_start(self)
	for team, side in self.sides do
		local home = world.spawn_points(team)[1]
		side.base = world.spawn({
			x = home.x,
			y = home.y,
			kind = BASE,
			team = team,
			shape = 1,
			radius = 3,
			half_height = 3,
			mass = 0,
			health = 1500,
			health_max = 1500,
			weapon = "tower",
			bot = "guard",
		})
		for _ = 1, self.units_at_start do
			self:add_unit(team)
		end
	end
	timer.every(match.ticks(PAY_SECONDS), "pay")
end

-- Who leads a side: its players share the units that are made while they are there.
function rules.leader(self, team)
	local players = self.sides[team].players
	return if #players > 0 then players[math.random(#players)] else 0
end

function rules.add_unit(self, team)
	local home = world.spawn_points(team)[1]
	-- In front of the base, which is in the way of those who would stand behind it.
	local front = if team == 1 then 0 else math.pi
	local turn, owner = front + (math.random() - 0.5) * math.pi, self:leader(team)
	return world.spawn({
		x = home.x + 6 * math.cos(turn),
		y = home.y + 6 * math.sin(turn),
		kind = UNIT,
		team = team,
		owner = owner,
		bot = if owner == 0 then "raider" else 0,
		radius = 0.6,
		health = 60,
		health_max = 60,
		speed_max = 6,
		acceleration_max = 20,
		weapon = "gun",
		avoids = true,
	})
end

function rules.match_join(self, player)
	local team = if #self.sides[1].players <= #self.sides[2].players then 1 else 2
	table.insert(self.sides[team].players, player.number)
	match.set_team(player.number, team)
	-- The bots' units are the first player's.
	for _, id in world.all({ team = team, kind = UNIT, owner = 0 }) do
		world.stop(id)
		world.set(id, { owner = player.number, bot = 0 })
	end
	self:look()
	self:tell()
end

function rules.match_away(self, player, away)
	self:tell()
end

function rules.match_leave(self, player)
	for _, side in self.sides do
		local at = table.find(side.players, player.number)
		if at then
			table.remove(side.players, at)
		end
	end
	for _, id in world.all({ owner = player.number }) do
		world.set(id, { owner = 0, bot = "raider" })
	end
end

-- { "type": "buy" } makes a unit; { "type": "group", "units": [ids], "x": 1, "y": 2 } sends a group somewhere in a ring.
function rules.match_loop(self, tick, messages)
	for _, message in messages do
		local said = json.decode(message.text)
		if type(said) == "table" and said.type == "buy" then
			self:buy(match.player(message.player).team)
		elseif type(said) == "table" and said.type == "group" then
			self:send_group(message.player, said)
		end
	end
	for _, event in world.events("resource_capture") do
		match.broadcast({ type = "captured", zone = event.detail, team = event.value })
	end
	for team, side in self.sides do
		if not world.exists(side.base) then
			self:finish(3 - team)
			return
		end
	end
	if tick % 10 == 0 then
		self:look()
	end
	if tick >= self.ends_at then
		local one, two = world.get(self.sides[1].base, "health"), world.get(self.sides[2].base, "health")
		self:finish(if one == two then 0 elseif one > two then 1 else 2)
	end
end

function rules.buy(self, team)
	local side = self.sides[team]
	if side and side.gold >= UNIT_COST and #world.all({ team = team, kind = UNIT }) < UNITS_MAX then
		side.gold -= UNIT_COST
		self:add_unit(team)
		self:tell()
	end
end

function rules.send_group(self, player, said)
	local x, y, list = tonumber(said.x), tonumber(said.y), said.units
	if not x or not y or type(list) ~= "table" then
		return
	end
	local ring = math.sqrt(#list) * 0.9
	for index = 1, math.min(#list, UNITS_MAX) do
		local id = tonumber(list[index]) or 0
		if world.get(id, "owner") == player then
			local turn = index / #list * 2 * math.pi
			world.move_to(id, x + ring * math.cos(turn), y + ring * math.sin(turn))
		end
	end
end

-- Points pay; sides without players buy at once.
function rules.pay(self)
	for number, zone in world.zones() do
		local side = self.sides[world.zone_holder(number - 1)]
		if side then
			side.gold += zone.value * 2
		end
	end
	for team, side in self.sides do
		side.gold += 2
		if #side.players == 0 then
			self:buy(team)
		end
	end
	self:tell()
end

-- Everybody looks from their base and from the units that are furthest from each other: eight points are enough.
function rules.look(self)
	units = units or world.rows("x", "y")
	for team, side in self.sides do
		for _, player in side.players do
			local points, count = { side.base }, units:all({ owner = player, kind = UNIT })
			local ids, xs, ys = units.id, units.x, units.y
			local places = {}
			for at = 0, 8 * count - 8, 8 do
				local place = vector.create(buffer.readf64(xs, at), buffer.readf64(ys, at), 0)
				local is_new = #points < 16
				for _, other in places do
					is_new = is_new and vector.magnitude(place - other) > SPREAD
				end
				if is_new then
					table.insert(places, place)
					table.insert(points, buffer.readf64(ids, at))
				end
			end
			match.view(player, points)
		end
	end
end

function rules.tell(self)
	for team, side in self.sides do
		match.send_team(team, { type = "gold", gold = side.gold })
	end
end

function rules.finish(self, winner)
	match.broadcast({ type = "over", winner = winner })
	match.stop("finished", { winner = winner })
end

return rules

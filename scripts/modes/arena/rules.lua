-- Arena: two teams shoot at each other from above until one has scored enough or time is up. Bots fill the seats that
-- nobody has. Change a number, save, and the match that runs goes on with it; what match_init says holds from the next match.

local rules = {}

local FIGHTER = 1 -- the kind of entity
local RESPAWN_SECONDS = 3
local SPEED = 7 -- metres a second
local TELL_SECONDS = 4
local NAMES = { "Ada", "Bell", "Cobb", "Dara", "Ekko", "Faye", "Gus", "Hal", "Iris", "Jun", "Kit", "Lux" }

function rules.match_init(ctx, params)
	params = params or {}
	local seats = math.clamp(params.seats or 8, 2, 64)
	return {
		tick_rate = 20,
		players_max = seats,
		teams = 2,
		label = "arena",
		attributes = { public = { "seat", "kills" } },
		weapons = {
			{ name = "rifle", damage = 20, range = 35, reload_seconds = 0.25, projectile_speed = 45, projectile_radius = 0.1, tracer = true },
		},
		behaviours = {
			{ name = "hunter", sight = 28, think_seconds = 0.25, steps = { "chase", { "wander", radius = 30 } } },
		},
		world = { entities_max = 256, projectiles_max = 1024, speed_max = 60, path_expansions_per_tick = 4000 },
		view = { enter = 60, leave = 66 },
		away = { behaviour = "hunter", seconds = 60 },
		client = { controls = "shooter", speed = SPEED, kinds = { { kind = FIGHTER, name = "fighter" } } },
		state = {
			seats = seats,
			score_to_win = params.score or 30,
			ends_at = 20 * (params.seconds or 300),
			score = { 0, 0 },
			fighters = {}, -- a fighter for each seat
		},
	}
end

function rules.match_start(self)
	for seat = 1, self.seats do
		self.fighters[seat] = { seat = seat, team = (seat - 1) % 2 + 1, kills = 0, deaths = 0, unit = 0 }
		self:seat_bot(seat)
		self:respawn(seat)
	end
end

-- A player takes the seat of a bot, in the team that has fewer players.
function rules.match_join(self, player)
	local players = { 0, 0 }
	for _, fighter in self.fighters do
		players[fighter.team] += if fighter.player then 1 else 0
	end
	local team = if players[1] <= players[2] then 1 else 2
	local free
	for _, fighter in self.fighters do
		if not fighter.player and (not free or (fighter.team == team and free.team ~= team)) then
			free = fighter
		end
	end
	if not free then
		match.kick(player.number, "no seat is free")
		return
	end
	free.player, free.name, free.kills, free.deaths = player.number, player.name, 0, 0
	match.set_team(player.number, free.team)
	world.despawn(free.unit)
	self:respawn(free.seat)
	self:tell_roster()
end

function rules.match_away(self)
	self:tell_roster()
end

function rules.match_leave(self, player)
	for seat, fighter in self.fighters do
		if fighter.player == player.number then
			fighter.player = nil
			world.despawn(fighter.unit)
			self:seat_bot(seat)
			self:respawn(seat)
		end
	end
	self:tell_roster()
end

function rules.match_loop(self, tick, messages)
	for _, event in world.events("unit_destroyed") do
		self:fall(event.subject, event.object)
	end
	for _, message in messages do
		local said = json.decode(message.text)
		if type(said) == "table" and said.type == "say" and type(said.text) == "string" then
			local player = match.player(message.player)
			match.broadcast({ type = "said", name = player and player.name, text = string.sub(said.text, 1, 120) })
		end
	end
	if tick % match.ticks(TELL_SECONDS) == 0 then
		self:tell_roster()
	end
	if tick >= self.ends_at or math.max(self.score[1], self.score[2]) >= self.score_to_win then
		self:finish()
	end
end

function rules.match_terminate(self, grace_seconds)
	match.broadcast({ type = "notice", text = `the server stops in {grace_seconds} s` })
end

function rules.seat_bot(self, seat)
	self.fighters[seat].name = NAMES[(seat - 1) % #NAMES + 1] .. " (bot)"
end

-- Puts a fighter into the world, at the place of its team that is furthest from enemies.
function rules.respawn(self, seat)
	local fighter = self.fighters[seat]
	if world.exists(fighter.unit) then
		return
	end
	local best, best_distance
	for _, point in world.spawn_points(fighter.team) do
		local enemy = world.nearest(point.x, point.y, 60, 1, { except_team = fighter.team, kind = FIGHTER })[1]
		local distance = 60 + math.random()
		if enemy then
			local x, y = world.get(enemy, "x", "y")
			distance = math.sqrt((x - point.x) ^ 2 + (y - point.y) ^ 2) + math.random() * 8
		end
		if not best or distance > best_distance then
			best, best_distance = point, distance
		end
	end
	fighter.unit = world.spawn({
		x = best.x,
		y = best.y + math.random() * 2 - 1,
		heading = if fighter.team == 1 then 0 else math.pi,
		kind = FIGHTER,
		team = fighter.team,
		owner = fighter.player or 0,
		bot = if fighter.player then 0 else "hunter",
		radius = 0.5,
		health = 100,
		health_max = 100,
		speed_max = SPEED,
		acceleration_max = 50,
		weapon = "rifle",
		avoids = true,
		seat = seat,
		kills = fighter.kills,
	})
	if fighter.player then
		match.control(fighter.player, fighter.unit)
	end
end

function rules.fighter_of(self, unit)
	for _, fighter in self.fighters do
		if fighter.unit == unit and unit ~= 0 then
			return fighter
		end
	end
	return nil
end

-- A fighter fell; who did it scores, unless it was of the same side.
function rules.fall(self, unit, by)
	local fallen, killer = self:fighter_of(unit), self:fighter_of(by)
	if not fallen then
		return
	end
	fallen.deaths += 1
	if killer and killer.team ~= fallen.team then
		killer.kills += 1
		self.score[killer.team] += 1
		world.set(killer.unit, { kills = killer.kills })
	end
	match.broadcast({
		type = "kill",
		by = killer and killer.seat,
		seat = fallen.seat,
		score = self.score,
	})
	if fallen.player then
		match.control(fallen.player, nil)
	end
	timer.after(match.ticks(RESPAWN_SECONDS), "respawn", fallen.seat)
end

-- What everybody has to know: who comes or comes back at once, who looks on after some seconds.
function rules.tell_roster(self)
	local list = {}
	for seat, fighter in self.fighters do
		list[seat] = {
			seat = seat,
			name = fighter.name,
			team = fighter.team,
			kills = fighter.kills,
			deaths = fighter.deaths,
			player = fighter.player or 0,
		}
	end
	match.broadcast({
		type = "roster",
		fighters = list,
		score = self.score,
		to_win = self.score_to_win,
		ends_at = self.ends_at,
	})
end

function rules.finish(self)
	local winner = 0
	if self.score[1] ~= self.score[2] then
		winner = if self.score[1] > self.score[2] then 1 else 2
	end
	self:tell_roster()
	for _, fighter in self.fighters do
		if fighter.player then
			store.add(fighter.player, "kills", fighter.kills)
			store.add(fighter.player, if fighter.team == winner then "won" else "played", 1)
		end
	end
	local result = { winner = winner, score = self.score }
	match.broadcast({ type = "over", winner = winner, score = self.score })
	match.stop("finished", result)
end

return rules

-- Players on a field who steer themselves and see each other. Nothing else happens.

local rules = {}

local SIDE = 200 -- metres
local SPEED = 7 -- metres a second

function rules.match_init()
	return {
		tick_rate = 20,
		players_max = 512,
		label = "crowd",
		world = { entities_max = 1024, projectiles_max = 0, speed_max = 20 },
		view = { enter = 500, leave = 550 },
	}
end

function rules.match_join(self, player)
	local unit = world.spawn({
		x = math.random() * SIDE,
		y = math.random() * SIDE,
		radius = 0.5,
		owner = player.number,
		health = 1,
		health_max = 1,
		speed_max = SPEED,
		acceleration_max = 50,
	})
	self[player.number] = unit
	match.control(player.number, unit)
end

function rules.match_leave(self, player)
	world.despawn(self[player.number])
	self[player.number] = nil
end

return rules

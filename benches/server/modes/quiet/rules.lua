-- A hundred members who say nothing.

local rules = {}

function rules.match_init()
	return {
		tick_rate = 1,
		players_max = 100,
		spectators = false,
		label = "quiet",
		world = { entities_max = 1, projectiles_max = 0, sectors_max = 1 },
	}
end

return rules

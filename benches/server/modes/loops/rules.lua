-- A match with a mistake: five times a second it begins what does not end.

local rules = {}

function rules.match_init()
	return { tick_rate = 20, players_max = 2, label = "loops", world = { entities_max = 16, projectiles_max = 0 } }
end

function rules.match_loop(self, tick)
	if tick % 4 == 0 then
		local numbers = {}
		local at = 0
		while true do
			at += 1
			numbers[at % 100] = math.sqrt(at)
		end
	end
end

return rules

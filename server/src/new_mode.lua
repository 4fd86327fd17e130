-- NAME: every player steers a disc and collects points by touching others. Edit this file while `muster dev` runs: the
-- match goes on with what you wrote.

local rules = {}

local SPEED = 8 -- metres a second

function rules.match_init(ctx, params)
	return {
		tick_rate = 20,
		players_max = 8,
		label = "NAME",
		attributes = { public = { "points" } },
		view = { enter = 60, leave = 66 },
		client = { speed = SPEED },
		state = { discs = {} },
	}
end

function rules.match_join(self, player)
	local id = world.spawn({
		x = 10 + 4 * player.number,
		y = 20,
		radius = 0.6,
		mass = 80,
		layers = 1,
		collides = 1,
		health = 100,
		health_max = 100,
		speed_max = SPEED,
		acceleration_max = 40,
		owner = player.number,
		tells_contacts = true,
	})
	self.discs[tostring(player.number)] = id
	match.control(player.number, id)
end

function rules.match_leave(self, player, reason)
	world.despawn(self.discs[tostring(player.number)])
	self.discs[tostring(player.number)] = nil
end

function rules.match_loop(self, tick, messages)
	for _, event in world.events() do
		if event.kind == "contact" then
			local points = world.get(event.subject, "points")
			if points then
				world.set(event.subject, { points = points + 1 })
			end
		end
	end
	-- What players say goes to everybody.
	for _, message in messages do
		match.broadcast({ from = message.player, said = json.decode(message.text) })
	end
end

return rules

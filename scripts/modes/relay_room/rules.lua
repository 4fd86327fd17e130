-- Relay room: nothing is simulated. Members send each other messages, to all or to one, for games that keep their own
-- state, emulators for instance. The first member leads; when it leaves, the next one does.

local rules = {}

function rules.match_init(ctx, params)
	params = params or {}
	return {
		tick_rate = 60,
		at_once = true, -- messages are passed on as they come, not in the next tick
		players_max = math.clamp(params.members or 16, 2, 256),
		spectators = false,
		label = params.label or "relay_room",
		world = { entities_max = 1, projectiles_max = 0, sectors_max = 1 },
		client = { controls = "none" },
		state = { order = {} }, -- numbers of members as they came
	}
end

function rules.match_join(self, player)
	table.insert(self.order, player.number)
	self:tell_members()
end

function rules.match_away(self, player, away)
	self:tell_members()
end

function rules.match_leave(self, player)
	local at = table.find(self.order, player.number)
	if at then
		table.remove(self.order, at)
	end
	self:tell_members()
end

-- What a member says goes to everybody else as it is: { "to": 3, ... } to one, anything else to all. Who wrote it is told
-- in an envelope, so that nobody writes in another's name.
function rules.match_loop(self, tick, messages)
	for _, message in messages do
		local envelope = '{"from":' .. message.player .. ',"data":' .. message.text .. "}"
		local to = tonumber(string.match(message.text, '^{%s*"to"%s*:%s*(%d+)'))
		if not to then
			match.broadcast_text(envelope, message.player)
		elseif table.find(self.order, to) then
			match.send_text(to, envelope)
		end
	end
end

function rules.tell_members(self)
	local members = {}
	for _, number in self.order do
		local player = match.player(number)
		if player then
			table.insert(members, { number = number, name = player.name })
		end
	end
	match.broadcast({ type = "members", members = members, leader = self.order[1] or 0 })
end

return rules

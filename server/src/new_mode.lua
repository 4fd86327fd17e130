-- NAME: every player moves a disc. Edit this file while `muster dev` runs: the match goes on with what you wrote.
local rules = {}

function rules.match_init(ctx, params)
    return { tick_rate = 20, players_max = 8, label = "NAME" }
end

function rules.match_join(self, players)
end

function rules.match_loop(self, tick)
end

return rules

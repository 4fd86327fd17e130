-- The language as scripts have it.

local rules = {}

function rules.match_init()
	return { tick_rate = 20 }
end

function rules.match_loop(self, tick)
	if tick == 0 then
		self:TEST_NAME()
		self.done = true
	end
end

function rules.match_signal(self)
	return if self.done then "done" else ""
end

function rules.test_randomness_is_in_range_and_repeats(self)
	math.randomseed(5)
	local first = {}
	for index = 1, 200 do
		local unit, die, span = math.random(), math.random(6), math.random(-3, 3)
		assert(unit >= 0 and unit < 1 and die >= 1 and die <= 6 and span >= -3 and span <= 3)
		first[index] = unit
	end
	math.randomseed(5)
	for index = 1, 200 do
		assert(math.random() == first[index])
		math.random(6)
		math.random(-3, 3)
	end
	assert(not pcall(math.random, 3, 1))
end

function rules.test_json_goes_there_and_back(self)
	local value = { list = { 1, 2.5, "x", true }, text = "a\"b\n\u{e9}", deep = { { {} } }, number = -12345678901 }
	assert(json.encode(json.decode(json.encode(value))) == json.encode(value))
	assert(json.encode({}) == "[]" and json.encode({ [1] = 1, x = 2 }) == '{"1":1,"x":2}')
	assert(json.encode({ 1, nil, 3 }) ~= nil and json.encode(1e300) ~= nil)
	local nothing, problem = json.decode("{")
	assert(nothing == nil and type(problem) == "string")
	assert(not pcall(json.encode, 0 / 0) and not pcall(json.encode, { f = print }))
	assert(json.decode("null") == nil and json.decode("[null, 1]")[2] == 1)
end

function rules.test_order_of_pairs_is_that_of_insertion_history(self)
	local function fill()
		local t = {}
		for index = 1, 50 do
			t["key" .. index] = index
		end
		local order = {}
		for key in t do
			table.insert(order, key)
		end
		return table.concat(order, ",")
	end
	assert(fill() == fill())
end

function rules.test_errors_can_be_caught(self)
	local ok, problem = pcall(function()
		error({ code = 7 })
	end)
	assert(not ok and problem.code == 7)
	local fine, value = pcall(function(a)
		return a + 1
	end, 2)
	assert(fine and value == 3)
	local handled = select(2, xpcall(error, function(text)
		return "handled " .. text
	end, "this"))
	assert(handled == "handled this")
	local caught, why = pcall(match.send, 99, "x")
	assert(not caught and "so: " .. why == "so: player 99 is not in the match")
end

function rules.test_numbers_come_back_from_json_to_the_last_bit(self)
	for index = 1, 500 do
		local number = (math.random() - 0.5) * 10 ^ math.random(-30, 30)
		assert(json.decode(json.encode(number)) == number, tostring(number))
	end
end

function rules.test_coroutines_work(self)
	local producer = coroutine.wrap(function()
		for index = 1, 3 do
			coroutine.yield(index)
		end
	end)
	assert(producer() == 1 and producer() == 2 and producer() == 3)
	local thread = coroutine.create(function(a)
		local b = coroutine.yield(a * 2)
		error("bad " .. b)
	end)
	local ok, doubled = coroutine.resume(thread, 4)
	assert(ok and doubled == 8)
	local failed, text = coroutine.resume(thread, "x")
	assert(not failed and string.find(text, "bad x", 1, true) and coroutine.status(thread) == "dead")
end

function rules.test_arithmetic_is_rounded_after_each_step(self)
	local a, b, c = 1 + 2 ^ -27, 1 - 2 ^ -27, -1
	assert(a * b + c == 0, "the product is rounded to 1 before something is added")
	local function lerp(low, high, part)
		return if part == 1 then high else low + (high - low) * part
	end
	for _, part in { 0, 0.1, 0.3, 0.7, 1 } do
		assert(math.lerp(0.1, 0.7, part) == lerp(0.1, 0.7, part))
	end
	assert(vector.lerp(vector.create(0, 1, 2), vector.create(1, 1, 1), 0.5) == vector.create(0.5, 1, 1.5))
end

function rules.test_texts_of_values_are_the_same_everywhere(self)
	assert(tostring({}) == "table" and tostring(print) == "function" and tostring(nil) == "nil")
	assert(tostring(1.5) == "1.5" and tostring("x") == "x" and tostring(true) == "true")
	assert(string.format("%s|%d|%5.2f|%q", {}, 3, 1 / 3, "a") == 'table|3| 0.33|"a"')
	assert(string.sub("hello", 2, -2) == "ell" and string.char(104, 105) == "hi" and ("x"):rep(3) == "xxx")
end

function rules.test_globals_are_the_match_s_own(self)
	mine = 3
	assert(mine == 3 and rawget(_G, "mine") == nil)
	assert(not pcall(function()
		math.abs = nil
	end))
	assert(not pcall(function()
		world.get = nil
	end))
end

function rules.test_text_functions_are_whole(self)
	assert(string.rep("ab", 3) == "ababab" and string.format("%05.1f|%s", 3.14159, "x") == "003.1|x")
	assert(string.gsub("hello", "l", "L") == "heLLo" and #string.split("a,b,c", ",") == 3)
	assert(table.concat({ 1, 2, 3 }, "-") == "1-2-3" and table.find({ 5, 6 }, 6) == 2)
	local t = { 3, 1, 2 }
	table.sort(t, function(a, b)
		return a > b
	end)
	assert(t[1] == 3 and t[3] == 1 and select("#", table.unpack(t)) == 3)
end

return rules

-- Muster in LÖVE, in three parts that are chosen by the first word behind the folder:
--
--   love ffi/examples/love                                  a world in this process, drawn as it is
--   love ffi/examples/love server                           a world of bots, told to whoever says hello; no window
--   love ffi/examples/love client --loss 5 --delay 80       what is seen of it over a bad network
--
-- The client moves with the arrow keys. Both know --port; the client also --host, --loss (hundredths of the datagrams,
-- each way), --delay (milliseconds, there and back together) and --jitter (milliseconds at most, each way), which make a
-- good network worse, and --auto, which moves by itself. With --seconds a part ends by itself.
local PARTS = { swarm = true, server = true, client = true }

local function read(words)
  local options = { part = "swarm", host = "127.0.0.1", port = 47800, loss = 0, delay = 0, jitter = 0 }
  local at = 1
  while at <= #words do
    local name = words[at]:match("^%-%-(%l+)$")
    if name == "auto" then
      options.auto = true
    elseif name == "host" or name == "picture" then
      at = at + 1
      options[name] = assert(words[at], "a value is missing")
    elseif name then
      at = at + 1
      options[name] = assert(tonumber(words[at]), "--" .. name .. " needs a number")
    else
      options.part = words[at]
    end
    at = at + 1
  end
  assert(PARTS[options.part], options.part .. " is none of swarm, server and client")
  return options
end

function love.load(words)
  local options = read(words)
  local part = require(options.part)
  love.update, love.draw = part.update, part.draw
  part.load(options)
end

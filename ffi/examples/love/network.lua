-- A datagram socket, and a network that can be made as bad as wished: datagrams are lost, late, and overtake each other.
--
-- The first byte of a datagram says what it is; the rest is the library's, and opaque.
local socket = require("socket")
local binding = require("binding")

local network = { HELLO = "H", WELCOME = "W", PACKET = "P", REPORT = "R" }

-- Opens a socket; port 0 is any that is free.
function network.open(host, port)
  local udp = assert(socket.udp())
  assert(udp:setsockname(host, port))
  udp:settimeout(0)
  return udp
end

-- One direction of a bad network. Datagrams are put in and come out when they are due, or never.
function network.way(options)
  local way = { flying = {}, lost = 0, sent = 0 }

  function way.put(datagram)
    way.sent = way.sent + 1
    if love.math.random() * 100 < options.loss then
      way.lost = way.lost + 1
      return
    end
    local late = options.delay / 2 + love.math.random() * options.jitter
    table.insert(way.flying, { due = binding.now_us() + math.floor(late * 1000), datagram = datagram })
  end

  -- Hands each datagram that is due to `work`, with the time that it was due at, in the order of those times.
  function way.deliver(work)
    local now, due = binding.now_us(), {}
    for at = #way.flying, 1, -1 do
      if way.flying[at].due <= now then
        table.insert(due, table.remove(way.flying, at))
      end
    end
    table.sort(due, function(a, b)
      return a.due < b.due
    end)
    for _, arrived in ipairs(due) do
      work(arrived.datagram, arrived.due)
    end
  end

  return way
end

return network

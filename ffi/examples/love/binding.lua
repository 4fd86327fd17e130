-- What the parts of the example share: the library, and calls that end the example when they are refused.
--
-- The declarations are those of the C headers. The library is found as any other is; MUSTER_LIBRARY names another one.
local ffi = require("ffi")

ffi.cdef(require("muster_cdef"))
local muster = ffi.load(os.getenv("MUSTER_LIBRARY") or "muster")
local ORIGIN = ffi.new("muster_position_t")

local binding = { muster = muster, METRE = muster.MUSTER_METRE, ORIGIN = ORIGIN }

-- Every call answers a result; all but MUSTER_OK ends the example with the library's own sentence.
function binding.check(result)
  if result ~= muster.MUSTER_OK then
    local text, length = ffi.new("char[1025]"), ffi.new("size_t[1]")
    muster.muster_error_message(text, 1025, length)
    error(ffi.string(muster.muster_result_name(result)) .. ": " .. ffi.string(text, length[0]), 2)
  end
end

function binding.place(x, y)
  return muster.muster_position_offset(ORIGIN, x * binding.METRE, y * binding.METRE)
end

-- A Lua string as bytes for one call. The string must live as long.
function binding.bytes(text)
  local bytes = ffi.new("muster_bytes_t")
  bytes.data, bytes.size = ffi.cast("const uint8_t *", text), #text
  return bytes
end

-- Microseconds on a clock that never goes back.
function binding.now_us()
  return math.floor(love.timer.getTime() * 1e6)
end

return binding

-- Judges what is shown, frame by frame, by numbers: whether anything jumps, is missing for a while, or lags behind.
local smoothness = {}

-- `speed_max` in metres a second. Everybody is expected to stay in sight.
function smoothness.new(speed_max)
  local judge = {
    frames = 0,
    shown_max = 0,
    -- The furthest that anybody came in a frame beyond what the speed allows, in metres.
    jump_max = 0,
    -- The most updates between two that came, and the most ticks for which anybody was not shown.
    gap_max = 0,
    missing_max = 0,
    -- The longest that a frame took, in seconds.
    frame_max = 0,
  }
  local known, update, before = {}, nil, nil

  function judge.handle_update(number)
    if update and number > update then
      judge.gap_max = math.max(judge.gap_max, number - update)
    end
    update = math.max(update or number, number)
  end

  -- `tick` is what is shown; `ids` and `xy` are as the library fills them.
  function judge.handle_frame(now, tick, count, ids, xy)
    local seconds = before and now - before or 0
    before = now
    judge.frame_max = math.max(judge.frame_max, seconds)
    judge.frames, judge.shown_max = judge.frames + 1, math.max(judge.shown_max, count)
    for i = 0, count - 1 do
      local key = tostring(ids[i])
      local last = known[key]
      if last and last.frame == judge.frames - 1 then
        local x, y = xy[2 * i] - last.x, xy[2 * i + 1] - last.y
        judge.jump_max = math.max(judge.jump_max, math.sqrt(x * x + y * y) - speed_max * seconds)
      elseif last then
        judge.missing_max = math.max(judge.missing_max, tick - last.tick)
      end
      last = last or {}
      last.x, last.y, last.frame, last.tick = xy[2 * i], xy[2 * i + 1], judge.frames, tick
      known[key] = last
    end
  end

  -- Those who are missing at the end count too.
  function judge.finish(tick)
    for _, last in pairs(known) do
      if last.frame ~= judge.frames then
        judge.missing_max = math.max(judge.missing_max, tick - last.tick)
      end
    end
  end

  return judge
end

return smoothness

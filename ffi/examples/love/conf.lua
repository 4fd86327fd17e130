function love.conf(t)
  t.identity = "muster"
  t.window.title = "Muster"
  t.window.width = 960
  t.window.height = 680
  t.modules.audio = false
  t.modules.joystick = false
  t.modules.physics = false
  t.modules.sound = false
  for _, word in ipairs(arg) do
    if word == "server" then
      t.window = nil
      t.modules.window = false
      t.modules.graphics = false
    end
  end
end

---@meta
-- What rules can call: written from the tables in scripts/src/binding; do not edit.

---@alias EntityId number
---@alias Json any
---@alias buffer any
---@alias EventKind "unit_destroyed"|"base_destroyed"|"massive_battle"|"resource_capture"|"contact"|"hit"|"zone_entered"|"zone_left"|"pickup_taken"|"command_refused"|"used"|"custom"|"fired"

---What a match is made for.
---@class Context
---@field match_id string 
---@field mode string the name of its folder
---@field version string of the mode's files

---A place in metres from the map's lower left corner.
---@class Point
---@field x number 
---@field y number 

---Who plays.
---@class Player
---@field number number from 1: the owner of its entities
---@field id string who it is everywhere
---@field name string for people
---@field is_bot boolean 
---@field team number 0 is none
---@field away boolean whether it is away for now

---What a player sent.
---@class Message
---@field player number 
---@field text string JSON text

---What came of a request to the store.
---@class StoreResult
---@field id number what the request returned
---@field action string get, set, add or delete
---@field player number 0 is the mode itself
---@field key string 
---@field tag string as the request gave it
---@field ok boolean 
---@field value Json if it is ok
---@field error string? if it is not

---Which entities are meant.
---@class Filter
---@field layers number? on any of these collision layers
---@field except EntityId? not this one
---@field except_team number? not those of this side
---@field kind number? 
---@field team number? 
---@field owner number? 

---What a ray is.
---@class RayOptions
---@field radius number? metres
---@field filter Filter? 

---What a ray met.
---@class RayHit
---@field id EntityId 0 is a wall
---@field x number 
---@field y number 
---@field part number the part of the ray before it, 0 to 1

---A projectile.
---@class ProjectileFields
---@field x number 
---@field y number 
---@field velocity_x number? metres a second
---@field velocity_y number? 
---@field radius number? 
---@field damage number? 
---@field range number? metres
---@field shooter EntityId? whom it does not hit
---@field team number? whose side it does not hit
---@field hits number? bits: the collision layers that it hits; all if it is left out

---An event of the mode's own.
---@class EventFields
---@field x number 
---@field y number 
---@field subject EntityId? 
---@field object EntityId? 
---@field value number? 
---@field class string? critical, high, normal or low

---What happened.
---@class WorldEvent
---@field kind EventKind 
---@field subject EntityId who it is about
---@field object EntityId who else: who destroyed it, who was hit
---@field x number 
---@field y number 
---@field detail number the zone, the pickup, the mode's kind
---@field value number damage, speed, team, worth
---@field count number how many like it were put together

---A zone of the map.
---@class Zone
---@field number number by which events name it
---@field name string 
---@field kind string generic, resource or base
---@field x number its middle
---@field y number 
---@field half_width number or its radius
---@field half_height number 
---@field is_circle boolean 
---@field team number whose it is at the beginning
---@field value number 
---@field tag number 

---Where entities come into the world.
---@class SpawnPoint
---@field x number 
---@field y number 
---@field team number 
---@field heading number radians

---What lies on the map to be taken.
---@class Pickup
---@field number number by which events name it
---@field x number 
---@field y number 
---@field kind number 
---@field amount number 

---The fields of an entity; attributes have the names that match_init gives them.
---@class EntityFields
---@field x number? metres to the right of the map's left edge
---@field y number? metres above the map's lower edge
---@field velocity_x number? metres a second to the right
---@field velocity_y number? metres a second upwards
---@field heading number? radians, 0 along x, growing towards y
---@field radius number? metres; of a box, half its width
---@field half_height number? metres; half the height of a box
---@field shape number? 0 a circle, 1 a box along the axes
---@field mass number? kilograms; 0 cannot be pushed
---@field restitution number? 0 to 1: how much speed comes back from a collision
---@field layers number? bits: the collision layers that it is on; on none, no query finds it
---@field collides number? bits: the layers that it collides with
---@field speed_max number? metres a second; 0 is the world's limit
---@field acceleration_max number? metres a second per second of its own drive; 0 cannot be steered
---@field health number? what is left of it
---@field health_max number? its health when whole; 0 cannot be destroyed
---@field state number? 0 to 65535, for the mode; everybody is told
---@field team number? whose side it is on; 0 is nobody's
---@field kind number? 0 to 65535: what sort of thing it is; everybody is told
---@field owner number? the number of the player who commands it; 0 is nobody
---@field flags number? bits; those below 2^24 are the mode's
---@field target number? the id of what it attacks, follows or uses
---@field order number? 0 none, 1 velocity, 2 move, 3 attack
---@field weapon number|string|nil number or name of a weapon; 0 is none
---@field ready_tick number? the tick at which its weapon is ready again
---@field bot number|string|nil number or name of a behaviour that commands it; 0 is none
---@field tells_contacts boolean? whether touching it is an event
---@field avoids boolean? whether it steers round others
---@field not_rewound boolean? whether it is hit where it is, whoever sees it late
---@field team_only boolean? whether only its team is told of it
---@field owner_only boolean? whether only its owner is told of it

---The world: entities in metres, seconds and radians. What a function changes is changed at once and recorded.
---@class world
world = {}

---The tick that comes, from 0.
---@return number
function world.tick() end

---Width and height of the map in metres; nil without a map.
---@return number?
---@return number?
function world.size() end

---How many entities live.
---@return number
function world.count() end

---Makes an entity. What is left out is 0, but for layers 1, collides 65535, radius 0.5 and mass 80.
---@param entity EntityFields
---@return EntityId
function world.spawn(entity) end

---Takes an entity away, without an event; false if it is gone already.
---@param id EntityId
---@return boolean
function world.despawn(id) end

---Whether an entity lives.
---@param id EntityId
---@return boolean
function world.exists(id) end

---The values of fields, in order; nil if the entity is gone.
---@param id EntityId
---@param ... string
---@return number
function world.get(id, ...) end

---Sets fields; false if the entity is gone.
---@param id EntityId
---@param fields EntityFields
---@return boolean
function world.set(id, fields) end

---Puts an entity somewhere else and forgets its orders; false if it is gone.
---@param id EntityId
---@param x number
---@param y number
---@return boolean
function world.place(id, x, y) end

---Entities that come within a radius, in the order of their ids' slots.
---@param x number
---@param y number
---@param radius number
---@param filter? Filter
---@return (EntityId)[]
function world.near(x, y, radius, filter) end

---The nearest entities within a radius, nearest first, of those that the filter lets through.
---@param x number
---@param y number
---@param radius number
---@param count number
---@param filter? Filter
---@return (EntityId)[]
function world.nearest(x, y, radius, count, filter) end

---Entities whose bounding boxes touch a box.
---@param x number
---@param y number
---@param half_width number
---@param half_height number
---@param filter? Filter
---@return (EntityId)[]
function world.in_box(x, y, half_width, half_height, filter) end

---Every entity that the filter lets through.
---@param filter? Filter
---@return (EntityId)[]
function world.all(filter) end

---What a disc meets first that goes from a place so far: an entity, or a wall (id 0).
---@param x number
---@param y number
---@param right number
---@param up number
---@param options? RayOptions
---@return RayHit?
function world.ray(x, y, right, up, options) end

---Whether no wall is between two places.
---@param x1 number
---@param y1 number
---@param x2 number
---@param y2 number
---@return boolean
function world.sees(x1, y1, x2, y2) end

---Orders an entity to a place, round what is in the way.
---@param id EntityId
---@param x number
---@param y number
function world.move_to(id, x, y) end

---Orders an entity to take on a velocity.
---@param id EntityId
---@param x number
---@param y number
function world.velocity(id, x, y) end

---Orders an entity to attack another until it is gone.
---@param id EntityId
---@param target EntityId
function world.attack(id, target) end

---Lets an entity fire its weapon once along a heading in radians.
---@param id EntityId
---@param heading number
function world.fire(id, heading) end

---Makes an entity forget its orders and brake.
---@param id EntityId
function world.stop(id) end

---Puts a projectile into the world.
---@param projectile ProjectileFields
function world.launch(projectile) end

---Tells everybody near an event of kind `custom` whose `detail` is `kind`.
---@param kind number
---@param event EventFields
function world.emit(kind, event) end

---What happened in the last tick, of one kind or all.
---@param kind? EventKind
---@return (WorldEvent)[]
function world.events(kind) end

---The map's zones; events name them by their number.
---@return (Zone)[]
function world.zones() end

---The team that holds a zone; 0 is nobody.
---@param zone number
---@return number
function world.zone_holder(zone) end

---Where entities come into the world: all, or those for a team and for everybody.
---@param team? number
---@return (SpawnPoint)[]
function world.spawn_points(team) end

---What lies on the map to be taken; events name it by its number.
---@return (Pickup)[]
function world.pickups() end

---Whether a pickup can be taken now.
---@param pickup number
---@return boolean
function world.pickup_is_there(pickup) end

---The map's routes, of which behaviours patrol one by its number.
---@return ((Point)[])[]
function world.routes() end

---Makes a set of rows with these columns: fields of entities, or of events.
---@param ... string
---@return Rows
function world.rows(...) end

---Lets a behaviour command a player's entities.
---@param player number
---@param behaviour number|string
function world.take_over(player, behaviour) end

---Gives a player their entities back.
---@param player number
function world.hand_back(player) end

---Many entities in buffers, made by world.rows(columns...). Row i, from 0, of a column is buffer.readf64(rows.x, 8 * i); rows.count is how many there are. Take the buffers out of the rows after each call that fills them.
---@class Rows
---@field count number
---@field id buffer
---@field [string] buffer
local Rows = {}

---Fills the rows with every entity that the filter lets through, and returns how many.
---@param filter? Filter
---@return number
function Rows:all(filter) end

---Fills the rows with the entities within a radius.
---@param x number
---@param y number
---@param radius number
---@param filter? Filter
---@return number
function Rows:near(x, y, radius, filter) end

---Fills the rows with the entities whose bounding boxes touch a box.
---@param x number
---@param y number
---@param half_width number
---@param half_height number
---@param filter? Filter
---@return number
function Rows:in_box(x, y, half_width, half_height, filter) end

---Reads the columns of the entities in `id` anew; of those that are gone the id becomes 0.
---@return number
function Rows:read() end

---Gives columns back to the world and returns how many values were others than before.
---@param ... string
---@return number
function Rows:set(...) end

---Orders every entity to the place of its row; rows whose x is not a number (0/0) get no order. If one cannot be, nobody gets one.
---@param x buffer
---@param y buffer
---@return number
function Rows:move_to(x, y) end

---Orders every entity to the velocity of its row, as move_to; who has that order already is not told again.
---@param x buffer
---@param y buffer
---@return number
function Rows:velocity(x, y) end

---Orders every entity to attack the id of its row; 0 is no order.
---@param target buffer
---@return number
function Rows:attack(target) end

---Lets every entity fire along the heading of its row, as move_to.
---@param heading buffer
---@return number
function Rows:fire(heading) end

---Makes every entity forget its orders and brake.
---@return number
function Rows:stop() end

---Makes so many entities of what the columns and, for what is no column, the table say; the ids go into `id`.
---@param count number
---@param entity EntityFields
---@return number
function Rows:spawn(count, entity) end

---Takes every entity away.
---@return number
function Rows:despawn() end

---Fills the rows with the last tick's events; columns are subject, object, x, y, detail, value, times, kind.
---@param kind? EventKind
---@return number
function Rows:events(kind) end

---The match: its players, what they are told, and how it ends. Players are known by their numbers, from 1.
---@class match
match = {}

---What names this match.
---@return string
function match.id() end

---The version of the mode's files.
---@return string
function match.version() end

---Ticks a second.
---@return number
function match.tick_rate() end

---The text by which the match is found.
---@return string
function match.label() end

---How many ticks so many seconds are, at least 1.
---@param seconds number
---@return number
function match.ticks(seconds) end

---Who plays, by number.
---@return (Player)[]
function match.players() end

---One who plays.
---@param number number
---@return Player?
function match.player(number) end

---Sends a value to a player, as JSON.
---@param player number
---@param value Json
function match.send(player, value) end

---Sends a value to the players of a team.
---@param team number
---@param value Json
function match.send_team(team, value) end

---Sends a value to everybody who plays or looks on, but one player.
---@param value Json
---@param but? number
function match.broadcast(value, but) end

---Sends a player JSON text as it is.
---@param player number
---@param text string
function match.send_text(player, text) end

---Sends everybody, but one player, JSON text as it is.
---@param text string
---@param but? number
function match.broadcast_text(text, but) end

---Makes a player leave.
---@param player number
---@param reason? string
function match.kick(player, reason) end

---Changes the text by which the match is found.
---@param label string
function match.set_label(label) end

---Puts a player on a side: who sees what only that side sees. Entities have teams of their own.
---@param player number
---@param team number
function match.set_team(player, team) end

---The player steers this entity and looks from it; nil is none.
---@param player number
---@param entity? EntityId
function match.control(player, entity) end

---From where a player looks: up to sixteen entities or places.
---@param player number
---@param points (EntityId|Point)[]
function match.view(player, points) end

---Ends the match after this tick.
---@param reason? string
---@param result? Json
function match.stop(reason, result) end

---Callbacks at later ticks, by the names of functions of rules.lua, so that they outlive a restart and a change of the rules.
---@class timer
timer = {}

---Calls rules[callback](self, data) once, in so many ticks; returns what names the timer.
---@param ticks number
---@param callback string
---@param data? any
---@return number
function timer.after(ticks, callback, data) end

---The same again and again.
---@param ticks number
---@param callback string
---@param data? any
---@return number
function timer.every(ticks, callback, data) end

---Forgets a timer; false if there is none.
---@param id number
---@return boolean
function timer.cancel(id) end

---Values that outlive the match: a player's in this mode, or the mode's own (player 0). Every function returns at once; what came of it is given to match_stored(self, result) at a later tick.
---@class store
store = {}

---Asks for a value; returns what names the request.
---@param player number
---@param key string
---@param tag? string
---@return number
function store.get(player, key, tag) end

---Writes a value.
---@param player number
---@param key string
---@param value Json
---@param tag? string
---@return number
function store.set(player, key, value, tag) end

---Adds to a whole number, in one go; what is not there is 0.
---@param player number
---@param key string
---@param amount number
---@param tag? string
---@return number
function store.add(player, key, amount, tag) end

---Takes a value away.
---@param player number
---@param key string
---@param tag? string
---@return number
function store.delete(player, key, tag) end

---The value that there was when the player came, of the mode (player 0) when the match was opened or gone on with, and what this match has written since; nil if there is none. It returns at once; what others have written meanwhile is not in it, another match that the player is in among them: what must not be lost or doubled is for store.add. Fails while the values could not be read.
---@param player number
---@param key string
---@return Json
function store.known(player, key) end

---JSON text. A table with keys 1 to n is a list, an empty one too; others are objects.
---@class json
json = {}

---The text of a value.
---@param value Json
---@return string
function json.encode(value) end

---The value of a text; nil and what went wrong if it is none.
---@param text string
---@return Json
function json.decode(text) end

---Lines for the log of the server, with the version of the mode's files. print is log.info.
---@class log
log = {}

---For who looks for a mistake.
---@param ... any
function log.debug(...) end

---What happened.
---@param ... any
function log.info(...) end

---What should not have happened.
---@param ... any
function log.warn(...) end

---What somebody has to look at.
---@param ... any
function log.error(...) end

//! Goal: orders to many entities do what the same orders one by one do, and one that changes nothing is no input.
//! Method: the same rules with rows and with single calls, the worlds compared at every tick; inputs counted.

mod support;

use muster_scripts::MatchOptions;
use support::{host, step};

/// Rules that say what happens to `r`, rows of ten entities that can be driven.
fn rules(body: &str) -> String {
    format!(
        "local rules = {{}}
        function rules.match_init() return {{ tick_rate = 20 }} end
        function rules.match_start()
            for i = 1, 10 do world.spawn({{ x = i * 5, y = 9, speed_max = 9, acceleration_max = 9 }}) end
        end
        local r = world.rows('x')
        local function column(value) local b = buffer.create(80) for i = 0, 9 do buffer.writef64(b, 8 * i, value) end return b end
        local function all(way) r:all() r:velocity(column(way), column(0)) end
        local function each(way) for _, id in world.all() do world.velocity(id, way, 0) end end
        function rules.match_loop(self, tick) {body} end
        return rules"
    )
}

#[test]
fn many_orders_are_as_many_single_ones() {
    let bodies = [
        "GIVE(tick // 3)",
        "GIVE(1) GIVE(2)",
        "GIVE(1) if tick % 4 == 1 then GIVE(2) GIVE(1) end",
        "if tick == 3 then for _, id in world.all() do world.stop(id) end end GIVE(1)",
        "if tick == 3 then local id = world.all()[2] world.place(id, 1, 1) end GIVE(1)",
        "if tick == 3 then world.move_to(world.all()[3], 9, 9) end GIVE(1)",
        "if tick % 2 == 0 then GIVE(1) else GIVE(-1) end",
    ];
    for body in bodies {
        let open = |give| host(&rules(&body.replace("GIVE", give))).open(&MatchOptions::default()).unwrap();
        let (mut many, mut single) = (open("all"), open("each"));
        for tick in 0..12 {
            let (one, other) = (step(&mut many), step(&mut single));
            assert_eq!((one.script_errors, other.script_errors), (0, 0), "{body}");
            assert_eq!(many.world_mut().hash(), single.world_mut().hash(), "tick {tick}: {body}");
            assert!(one.inputs <= other.inputs);
        }
    }
}

#[test]
fn an_order_that_is_had_already_is_no_input() {
    let mut game = host(&rules("all(2)")).open(&MatchOptions::default()).unwrap();
    let inputs: Vec<u32> = (0..4).map(|_| step(&mut game).inputs).collect();
    assert_eq!(inputs, [10, 0, 0, 0]);
}

#[test]
fn the_last_order_counts_for_who_is_among_the_rows_twice() {
    let body = "r:all() local id = buffer.readf64(r.id, 0) buffer.writef64(r.id, 8, id) r.count = 2
        local x = buffer.create(16) buffer.writef64(x, 0, 3) buffer.writef64(x, 8, if tick < 5 then 1 else 2)
        r:velocity(x, buffer.create(16))";
    let mut game = host(&rules(body)).open(&MatchOptions::default()).unwrap();
    let mut ids = Vec::new();
    game.world().ids(&mut ids);
    for expect in [1, 1, 1, 1, 1, 2, 2] {
        assert_eq!(step(&mut game).script_errors, 0);
        assert_eq!(game.world().rows([ids[0]]).velocity_orders().next(), Some(Some((expect << 16, 0))));
    }
}

#[test]
fn the_last_value_counts_for_who_is_among_the_rows_twice() {
    let body = "local h = world.rows('health') h:all() local id = buffer.readf64(h.id, 0) buffer.writef64(h.id, 8, id) h.count = 2
        local before = buffer.readf64(h.health, 0)
        buffer.writef64(h.health, 0, before + 1) buffer.writef64(h.health, 8, before)
        assert(h:set('health') == 2 and world.get(id, 'health') == before)";
    let mut game = host(&rules(body)).open(&MatchOptions::default()).unwrap();
    assert_eq!(step(&mut game).script_errors, 0);
}

#[test]
fn an_order_that_cannot_be_stops_all_of_its_call() {
    let body = "r:all() local x = column(1) buffer.writef64(x, 72, 1e9) assert(not pcall(r.velocity, r, x, column(0)))";
    let mut game = host(&rules(body)).open(&MatchOptions::default()).unwrap();
    let result = step(&mut game);
    assert_eq!((result.script_errors, result.inputs), (0, 0));
}

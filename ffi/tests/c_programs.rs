//! Goal: whatever a C or C++ program does wrong, it gets a result and not an end; the headers are good C11 and C++17; and
//! both sides agree on where every field is.
//!
//! Method: the programs of `tests/c/` see only `include/`. They are compiled with every warning an error, with
//! AddressSanitizer, its leak checker and UBSan, and run against the library that was built for this test.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

mod library;

use library::{Scratch, workspace};
use muster_core::{
    Column, Entity, EntityId, Execution, Input, Position, World, WorldConfig,
    command::{Action, Command as GameCommand, encode_inputs},
    replay::{Recorder, Settings},
};

const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-g"];
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// A compiler for programs in C or in C++.
fn compiler(is_cpp: bool) -> Command {
    let mut command = Command::new(if is_cpp { "c++" } else { "cc" });
    command.arg(if is_cpp { "-std=c++17" } else { "-std=c11" }).args(STRICT);
    command.arg("-I").arg(workspace().join("include"));
    command
}

#[track_caller]
fn passes(what: &str, output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
}

/// Compiles a program of `tests/c/` with the sanitizers.
fn built(scratch: &Scratch, source: &str) -> PathBuf {
    let program = scratch.path().join(source.replace('.', "-"));
    let mut compile = compiler(source.ends_with(".cpp"));
    compile.args(SANITIZERS).arg(workspace().join("tests/c").join(source)).arg("-o").arg(&program);
    compile.arg(scratch.library()).arg("-pthread");
    passes(source, &compile.output().expect("a compiler is there"));
    program
}

/// Runs a program to its end, with a limit after which it counts as hanging.
fn run(scratch: &Scratch, program: &Path, arguments: &[&OsStr]) {
    let mut command = Command::new("timeout");
    command.arg("120").arg(program).args(arguments).env("LD_LIBRARY_PATH", scratch.path());
    command.env("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1").env("RUST_BACKTRACE", "0");
    passes(&program.display().to_string(), &command.output().expect("it can be run"));
}

fn build_and_run(source: &str, arguments: &[&OsStr]) {
    let scratch = Scratch::new();
    run(&scratch, &built(&scratch, source), arguments);
}

#[test]
fn a_world_works_from_c() {
    build_and_run("world.c", &[]);
}

#[test]
fn a_world_works_from_cpp() {
    build_and_run("owner.cpp", &[]);
}

#[test]
fn handles_that_name_nothing_are_refused() {
    build_and_run("handles.c", &[]);
}

#[test]
fn structs_and_buffers_that_cannot_be_right_are_refused() {
    build_and_run("structs_and_buffers.c", &[]);
}

#[test]
fn two_threads_never_damage_a_world() {
    // The library knows the owner of a world only in debug builds, which the one for tests is unless they are optimised.
    build_and_run("threads.c", &[OsStr::new(if cfg!(debug_assertions) { "debug" } else { "release" })]);
}

#[test]
fn a_world_is_shown_from_packets() {
    build_and_run("sync.c", &[]);
}

#[test]
fn a_world_is_shown_from_packets_in_cpp() {
    build_and_run("sync_owner.cpp", &[]);
}

#[test]
fn a_steady_update_allocates_nothing() {
    build_and_run("sync_allocations.c", &[]);
}

#[test]
fn servers_and_clients_refuse_what_cannot_be_right() {
    build_and_run("sync_refusals.c", &[OsStr::new(if cfg!(debug_assertions) { "debug" } else { "release" })]);
}

#[test]
fn packets_and_reports_from_anywhere_are_refused_or_mean_something() {
    build_and_run("sync_hostile_bytes.c", &[]);
}

#[cfg(debug_assertions)]
#[test]
fn a_fault_of_the_library_is_an_answer() {
    build_and_run("fault.c", &[]);
}

#[test]
fn bytes_from_anywhere_are_refused_or_mean_something() {
    let scratch = Scratch::new();
    let entity = EntityId::from_bits(1 << 32 | 1);
    let at = Position { x: 1_600_000, y: 1_400_000, ..Position::default() };
    let commands: Vec<GameCommand> =
        [Action::MoveTo(at), Action::SetVelocity { x: 1000, y: -1000 }, Action::Attack(entity), Action::Stop]
            .into_iter()
            .map(|action| GameCommand { player: 7, entity, sector: None, action, rewind: 0 })
            .collect();
    let mut builder = muster_schemas::Builder::new();
    let inputs = encode_inputs(None, &commands, &mut builder);
    fs::write(scratch.path().join("inputs.bin"), inputs).expect("the scratch folder can be written");
    copy_map(&scratch);
    run(&scratch, &built(&scratch, "hostile_bytes.c"), &[scratch.path().as_os_str()]);
}

#[test]
fn what_ended_leaves_no_memory_behind() {
    build_and_run("memory.c", &[]);
}

#[test]
fn a_map_is_told_and_walked_round() {
    let scratch = Scratch::new();
    copy_map(&scratch);
    run(&scratch, &built(&scratch, "map.c"), &[scratch.path().as_os_str()]);
}

/// The map of a wall with a doorway, for a program to read.
fn copy_map(scratch: &Scratch) {
    let map = workspace().join("schemas/examples/doorway.json");
    fs::copy(map, scratch.path().join("map.json")).expect("the example is there");
}

#[test]
fn a_fault_in_a_replay_is_named() {
    let scratch = Scratch::new();
    let mut world = World::new(WorldConfig::default(), None, Execution::default()).expect("the defaults are good");
    let settings = Settings { key_ticks: 4, ..Settings::default() };
    let mut recorder = Recorder::new(&world, settings);
    let entity = Entity { flags: 6, ..Entity::at(Position { x: 5, y: 5, ..Position::default() }) };
    for _ in 0..3 {
        recorder.apply(&mut world, &Input::Spawn(entity.clone())).expect("there is room");
    }
    for tick in 0..10 {
        if tick == 5 {
            let mut ids = Vec::new();
            world.ids(&mut ids);
            // The second of them, behind the recorder's back.
            assert!(world.corrupt(ids[1], Column::Flags, 0));
        }
        recorder.apply(&mut world, &Input::Step).expect("a step is never refused");
    }
    recorder.finish();
    fs::write(scratch.path().join("replay.bin"), recorder.pending()).expect("the scratch folder can be written");
    run(&scratch, &built(&scratch, "divergence.c"), &[scratch.path().as_os_str()]);
}

#[test]
fn each_header_stands_alone_in_c_and_cpp() {
    let mut headers: Vec<PathBuf> = fs::read_dir(workspace().join("include/muster"))
        .expect("the headers are there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    headers.push(workspace().join("include/muster.h"));
    assert!(headers.len() > 10, "{headers:?}");
    // Engines without exceptions can own worlds too.
    let mut compile = compiler(true);
    compile.args(["-fsyntax-only", "-fno-exceptions", "-x", "c++"]).arg(workspace().join("include/muster.hpp"));
    passes("muster.hpp without exceptions", &compile.output().expect("a compiler is there"));
    for header in headers {
        for (is_cpp, language) in [(false, "c"), (true, "c++")] {
            let mut compile = compiler(is_cpp);
            compile.args(["-fsyntax-only", "-Wno-pragma-once-outside-header", "-x", language]).arg(&header);
            passes(&format!("{} as {language}", header.display()), &compile.output().expect("a compiler is there"));
        }
    }
}

/// Lists every struct with its fields, and prints what C has to agree with.
macro_rules! layouts {
    ($($module:ident :: $type:ident { $($field:ident),+ $(,)? })+) => {
        fn layouts() -> Vec<(&'static str, usize, Vec<(&'static str, usize)>)> {
            vec![$((
                stringify!($type),
                size_of::<muster::$module::$type>(),
                vec![$((stringify!($field), core::mem::offset_of!(muster::$module::$type, $field))),+],
            )),+]
        }
    };
}

layouts! {
    base::muster_bytes_t { data, size }
    base::muster_position_t { sector_x, sector_y, x, y }
    space::muster_sector_t { x, y, scale, reserved }
    config::muster_weapon_t {
        damage, range, reload_ticks, projectile_speed, projectile_radius, hits, friendly_fire, is_not_rewound, has_tracers,
        reserved,
    }
    config::muster_step_t { kind, value }
    config::muster_behaviour_t { steps, step_count, think_ticks, sight, reserved }
    config::muster_world_config_t {
        size, tick_rate_hz, seed, entities_max, projectiles_max, sectors_max, speed_max, reach_max, use_range,
        commands_per_tick_max, events_max, massive_battle_min, path_expansions_per_tick, paths_max, attribute_count,
        attributes, weapons, weapon_count, weapon_size, behaviours, behaviour_count, behaviour_size, base_kinds,
        base_kind_count, rewind_ticks, map_json,
    }
    config::muster_execution_t { size, shards, threads, inline_below, split_above }
    world::muster_sector_hash_t { sector, hash }
    world::muster_stats_t {
        size, entities, projectiles, sectors, kept_at_edge, projectiles_dropped, events_dropped, commands_refused,
        paths_refused, inline_ticks,
    }
    entity::muster_spawn_t {
        position, attributes, velocity_x, velocity_y, speed_max, acceleration_max, health, health_max, mass, owner,
        flags, attribute_count, heading, half_x, half_y, layers, collides, state, team, kind, bot, shape, restitution,
        weapon, reserved,
    }
    command::muster_command_t {
        entity, target, position, value, velocity_x, velocity_y, player, action, kind, heading, rewind_ticks,
        reserved,
    }
    command::muster_projectile_t {
        position, shooter, velocity_x, velocity_y, radius, damage, range, team, hits,
    }
    event::muster_event_t { tick, sector, subject, object, value, x, y, detail, count, kind, event_class }
    query::muster_filter_t { size, layers, except_team, except }
    query::muster_ray_hit_t { size, reserved, entity, time, position }
    map::muster_map_info_t { size, width, height, zones, pickups, spawn_points, routes, reserved, origin, hash }
    map::muster_zone_t { centre, kind, shape, half_x, half_y, capture_ticks, value, tag, team, reserved }
    map::muster_spawn_point_t { position, team, heading, reserved }
    map::muster_pickup_t { position, radius, amount, respawn_ticks, effect, kind, attribute, is_there }
    replay::muster_replay_settings_t { size, key_ticks, sector_hashes, reserved, pending_bytes_max }
    replay::muster_replay_info_t { size, key_ticks, tick_first, tick_last, config_hash, map_hash, is_whole, reserved }
    replay::muster_divergence_t {
        size, has_value, tick, recorded_hash, played_hash, sector, entity, recorded_value, played_value, has_sector,
        column,
    }
    sync_server::muster_kind_weight_t { kind, weight }
    sync_server::muster_sync_config_t {
        size, session, viewers_max, groups_max, cell_shift, history, delay_max, update_ticks, packet_max, rates_hz,
        rate_radii, public_attributes, owner_attributes, kind_weights, public_attribute_count, owner_attribute_count,
        kind_weight_count, reserved,
    }
    sync_server::muster_viewer_options_t { size, player, budget, delay, team, sees_hidden, is_everywhere }
    sync_server::muster_view_t { position, entity, enter, leave }
    sync_server::muster_inputs_due_t { size, inputs, rewind_ticks }
    sync_server::muster_sync_server_stats_t {
        size, viewers, groups, cells, updates, shares_encoded, shares_sent, shares_whole, shares_deferred, packets,
        bytes, own_bytes, event_bytes, divided, unplaced, events_dropped, reports_refused,
    }
    sync_client::muster_sync_client_options_t {
        size, groups_max, entities_max, owner_values_max, beyond_us, smooth_us, snap,
    }
    sync_client::muster_sync_terms_t {
        size, session, player, tick_rate_hz, update_ticks, packet_max, public_attribute_count, owner_attribute_count,
        public_attributes, owner_attributes, tick, map_hash,
    }
    sync_client::muster_received_t { size, update, states, events, is_whole }
    sync_client::muster_predicted_t { size, heading, entity, position, velocity_x, velocity_y, tick }
    sync_client::muster_departure_t { entity, kind, reserved }
    sync_client::muster_sync_client_stats_t {
        size, groups, entities, rtt_us, jitter_us, delay_us, lead_us, reserved, shown_tick, packets, bytes, states,
        states_whole, states_late, states_unknown, lost, refused, reports, report_bytes, corrections, dropped,
    }
}

#[test]
fn both_sides_agree_on_every_offset() {
    let scratch = Scratch::new();
    let mut text = String::from("#include <muster.h>\n");
    let mut claim = |what: String, value: usize| {
        text.push_str(&format!("MUSTER_STATIC_ASSERT({what} == {value}, \"as in Rust\");\n"));
    };
    let headers = library::preprocessed_headers();
    for (name, size, fields) in layouts() {
        claim(format!("sizeof({name})"), size);
        for (field, offset) in &fields {
            claim(format!("offsetof({name}, {field})"), *offset);
        }
        // A struct of which a field is left out above would go unchecked, and so would padding.
        let body = headers.split_once(&format!("typedef struct {name} {{")).expect("the header has it").1;
        let declared = body.split('}').next().unwrap_or("").matches(';').count();
        assert_eq!(fields.len(), declared, "{name}");
    }
    // Handles have no fields: `typedef struct muster_world_t muster_world_t;`.
    let structs = headers
        .split("typedef struct ")
        .skip(1)
        .filter(|rest| rest.split(['{', ';']).next() != rest.split(';').next())
        .count();
    assert_eq!(layouts().len(), structs, "a struct of the headers is not listed");
    for (is_cpp, file) in [(false, "layout.c"), (true, "layout.cpp")] {
        let source = scratch.path().join(file);
        fs::write(&source, &text).expect("the scratch folder can be written");
        let mut compile = compiler(is_cpp);
        compile.args(["-Wpadded", "-fsyntax-only"]).arg(&source);
        passes(file, &compile.output().expect("a compiler is there"));
    }
}

//! What a replay is of, as a message for those who list replays and do not play them: a FlatBuffer `muster.ReplayHeader`.

use muster_schemas::{
    Builder, Offset,
    config::{self, BehaviourArgs, StepKind, WorldConfigArgs},
    replay::{self, KeyFrame, ReplayHeaderArgs},
};

use super::file::Replay;
use crate::{
    config::{Behaviour, Step, Weapon, WorldConfig},
    snapshot::{FORMAT, RestoreError, schema_hash},
};

/// Writes what a replay file says of itself and of its world into a builder, which is cleared first.
///
/// # Errors
/// When the first key frame is damaged, since it has the configuration.
pub fn encode_header<'b>(file: &Replay<'_>, builder: &'b mut Builder<'_>) -> Result<&'b [u8], RestoreError> {
    let config = file.config()?;
    builder.reset();
    let config = write_config(&config, builder);
    let key_frames =
        builder.create_vector_from_iter(file.keys().map(|(tick, offset)| KeyFrame::new(tick, offset as u64)));
    let head = file.head();
    let args = ReplayHeaderArgs {
        format_version: FORMAT,
        state_hash: schema_hash(),
        config_hash: head.config_hash,
        map_hash: head.map_hash,
        config: Some(config),
        tick_first: file.tick_first(),
        tick_last: file.tick_last(),
        key_ticks: head.key_ticks,
        key_frames: Some(key_frames),
        is_cut: file.damage().is_some() || !file.is_finished(),
    };
    let header = replay::ReplayHeader::create(builder, &args);
    replay::finish_replay_header_buffer(builder, header);
    Ok(builder.finished_data())
}

/// Writes a configuration as a part of a message.
pub(crate) fn write_config<'a>(from: &WorldConfig, builder: &mut Builder<'a>) -> Offset<config::WorldConfig<'a>> {
    // Taken apart by name, so that a new field cannot be forgotten here.
    let WorldConfig {
        seed,
        tick_rate_hz,
        entities_max,
        projectiles_max,
        sectors_max,
        attributes,
        weapons,
        speed_max,
        commands_per_tick_max,
        reach_max,
        use_range,
        events_max,
        massive_battle_min,
        base_kinds,
        path_expansions_per_tick,
        paths_max,
        behaviours,
        rewind_ticks,
    } = from;
    let attributes: Vec<_> = attributes.iter().map(|name| builder.create_string(name)).collect();
    let attributes = builder.create_vector(&attributes);
    // As many as there are weapons, or none if all of them look back.
    let is_any_off = weapons.iter().any(|weapon| !weapon.rewinds);
    let weapons_rewind =
        is_any_off.then(|| builder.create_vector_from_iter(weapons.iter().map(|weapon| weapon.rewinds)));
    let has_tracers = weapons.iter().any(|weapon| weapon.tracer);
    let weapons_tracer =
        has_tracers.then(|| builder.create_vector_from_iter(weapons.iter().map(|weapon| weapon.tracer)));
    let weapons = builder.create_vector_from_iter(weapons.iter().map(weapon));
    let events_max = builder.create_vector(events_max);
    let base_kinds = builder.create_vector(base_kinds);
    let behaviours: Vec<_> = behaviours.iter().map(|behaviour| write_behaviour(behaviour, builder)).collect();
    let behaviours = builder.create_vector(&behaviours);
    let args = WorldConfigArgs {
        seed: *seed,
        tick_rate_hz: *tick_rate_hz,
        entities_max: *entities_max,
        projectiles_max: *projectiles_max,
        sectors_max: *sectors_max,
        attributes: Some(attributes),
        weapons: Some(weapons),
        speed_max: *speed_max,
        commands_per_tick_max: *commands_per_tick_max,
        reach_max: *reach_max,
        use_range: *use_range,
        events_max: Some(events_max),
        massive_battle_min: *massive_battle_min,
        base_kinds: Some(base_kinds),
        path_expansions_per_tick: *path_expansions_per_tick,
        paths_max: *paths_max,
        behaviours: Some(behaviours),
        rewind_ticks: *rewind_ticks,
        weapons_rewind,
        weapons_tracer,
    };
    config::WorldConfig::create(builder, &args)
}

fn weapon(from: &Weapon) -> config::Weapon {
    let Weapon { damage, range, reload_ticks, projectile_speed, projectile_radius, hits, friendly_fire, .. } = *from;
    config::Weapon::new(damage, range, reload_ticks, projectile_speed, projectile_radius, hits, friendly_fire)
}

fn write_behaviour<'a>(from: &Behaviour, builder: &mut Builder<'a>) -> Offset<config::Behaviour<'a>> {
    let steps = builder.create_vector_from_iter(from.steps.iter().map(|step| match *step {
        Step::Flee { below_percent } => config::Step::new(below_percent.into(), StepKind::Flee),
        Step::Chase => config::Step::new(0, StepKind::Chase),
        Step::Guard { radius } => config::Step::new(radius, StepKind::Guard),
        Step::Capture => config::Step::new(0, StepKind::Capture),
        Step::Follow { distance } => config::Step::new(distance, StepKind::Follow),
        Step::Patrol { route } => config::Step::new(route.into(), StepKind::Patrol),
        Step::Wander { radius } => config::Step::new(radius, StepKind::Wander),
    }));
    let args = BehaviourArgs { steps: Some(steps), sight: from.sight, think_ticks: from.think_ticks };
    config::Behaviour::create(builder, &args)
}

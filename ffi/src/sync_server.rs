//! `muster/sync_server.h`: the side that has the world.

use core::{ffi::c_void, mem};

use muster_core::{
    EntityId,
    command::Command,
    sync::{
        report::{COMMANDS_MAX, INPUTS_MAX},
        server::{
            InputsDue, ReportRefusal, SyncConfig, SyncServer, View, ViewPoint, ViewerError, ViewerId, ViewerOptions,
        },
    },
};

use crate::{
    base::{muster_bytes_t, muster_position_t},
    boundary::{In, Out, Versioned},
    command::muster_command_t,
    entity::muster_entity_t,
    error::{Refused, call, caught, muster_result_t, muster_result_t::*},
    roots::{self, Root, Slots},
    world::{World, muster_world_t},
};

/// What a handle is a pointer to, for C. There is nothing behind it.
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_server_t {
    _nothing: [c_void; 0],
}

#[allow(non_camel_case_types, reason = "the name that C has")]
pub type muster_viewer_t = u64;

/// MUSTER_VIEWER_COMMANDS_MAX: more cannot be due at once, so that room for them is room for any.
const VIEWER_COMMANDS_MAX: usize = 512;
const _: () = assert!(VIEWER_COMMANDS_MAX >= 2 * INPUTS_MAX * COMMANDS_MAX);

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_kind_weight_t {
    pub kind: u16,
    pub weight: u16,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_config_t {
    pub size: u32,
    pub session: u32,
    pub viewers_max: u32,
    pub groups_max: u32,
    pub cell_shift: u32,
    pub history: u32,
    pub delay_max: u32,
    pub update_ticks: u32,
    pub packet_max: u32,
    pub rates_hz: [u32; 3],
    pub rate_radii: [i32; 2],
    pub public_attributes: In<u8>,
    pub owner_attributes: In<u8>,
    pub kind_weights: In<muster_kind_weight_t>,
    pub public_attribute_count: u32,
    pub owner_attribute_count: u32,
    pub kind_weight_count: u32,
    pub reserved: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_viewer_options_t {
    pub size: u32,
    pub player: u32,
    pub budget: u32,
    pub delay: u32,
    pub team: u16,
    pub sees_hidden: u8,
    pub is_everywhere: u8,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_view_t {
    pub position: muster_position_t,
    pub entity: muster_entity_t,
    pub enter: i32,
    pub leave: i32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_inputs_due_t {
    pub size: u32,
    pub inputs: u32,
    pub rewind_ticks: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_server_stats_t {
    pub size: u32,
    pub viewers: u32,
    pub groups: u32,
    pub cells: u32,
    pub updates: u64,
    pub shares_encoded: u64,
    pub shares_sent: u64,
    pub shares_whole: u64,
    pub shares_deferred: u64,
    pub packets: u64,
    pub bytes: u64,
    pub own_bytes: u64,
    pub event_bytes: u64,
    pub divided: u64,
    pub unplaced: u64,
    pub events_dropped: u64,
    pub reports_refused: u64,
}

impl Versioned for muster_sync_config_t {
    const SIZE_MIN: usize = 96;
}
impl Versioned for muster_viewer_options_t {
    const SIZE_MIN: usize = 20;
}
impl Versioned for muster_view_t {
    const SIZE_MIN: usize = 40;
}
impl Versioned for muster_inputs_due_t {
    const SIZE_MIN: usize = 12;
}
impl Versioned for muster_sync_server_stats_t {
    const SIZE_MIN: usize = 120;
}

/// A server, the world that it tells of, and what its callers' calls need from one to the next.
struct Server {
    core: SyncServer,
    /// The handle of the world that it was made for.
    world: u64,
    written: Packets,
    /// Packets that did not fit into a caller's buffer, until they are taken or the next update is written.
    kept: Vec<(ViewerId, Packets)>,
    welcome: Vec<u8>,
    commands: Vec<Command>,
    views: Vec<View>,
}

/// The packets of an update, one behind the other.
#[derive(Default)]
struct Packets {
    bytes: Vec<u8>,
    lengths: Vec<u32>,
}

static SERVERS: Slots<Server> = Slots::new(2);

impl Root for Server {
    const HANDLE: &'static str = "muster_sync_server_t *";

    fn slots() -> &'static Slots<Self> {
        &SERVERS
    }
}

fn wrong(field: &str, expected: &str) -> Refused {
    Refused::new(MUSTER_E_CONFIG, format!("{field} must be {expected}"))
}

fn viewer_refused(error: ViewerError) -> Refused {
    let code = match error {
        ViewerError::Gone => MUSTER_E_VIEWER,
        ViewerError::TooMany => MUSTER_E_FULL,
        ViewerError::Option(_) | ViewerError::TooManyViews | ViewerError::Radius | ViewerError::Position => {
            MUSTER_E_VALUE
        }
    };
    Refused::new(code, error.to_string())
}

fn flag(field: &str, value: u8) -> Result<bool, Refused> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refused::new(MUSTER_E_VALUE, format!("{field} must be 0 or 1"))),
    }
}

impl muster_sync_config_t {
    fn defaults(size: u32) -> Self {
        let config = SyncConfig::default();
        Self {
            size,
            session: config.session,
            viewers_max: config.viewers_max.into(),
            groups_max: config.groups_max.into(),
            cell_shift: config.cell_shift.into(),
            history: config.history.into(),
            delay_max: config.delay_max.into(),
            update_ticks: config.update_ticks.into(),
            packet_max: config.packet_max.into(),
            rates_hz: config.rates_hz.map(u32::from),
            rate_radii: config.rate_radii,
            public_attributes: In::null(),
            owner_attributes: In::null(),
            kind_weights: In::null(),
            public_attribute_count: 0,
            owner_attribute_count: 0,
            kind_weight_count: 0,
            reserved: 0,
        }
    }

    /// What the core makes of it. Counts are checked before anything is read by them; the fields' ranges are for the core
    /// to judge.
    fn read(&self) -> Result<SyncConfig, Refused> {
        if self.reserved != 0 {
            return Err(wrong("reserved", "0"));
        }
        let short = |field, value: u32| u16::try_from(value).map_err(|_| wrong(field, "at most 65535"));
        let byte = |field, value: u32| u8::try_from(value).map_err(|_| wrong(field, "at most 255"));
        let attributes = |field: &'static str, list: In<u8>, count: u32| match count {
            0..=64 => list.slice(count as usize, field).map(<[u8]>::to_vec),
            _ => Err(wrong(field, "at most 64")),
        };
        if self.kind_weight_count > 65_536 {
            return Err(wrong("kind_weight_count", "at most 65536"));
        }
        let weights = self.kind_weights.slice(self.kind_weight_count as usize, "kind_weights")?.iter();
        let weights = weights.map(|weight| {
            let value = u8::try_from(weight.weight).map_err(|_| wrong("kind_weights[].weight", "1 to 255"))?;
            Ok((weight.kind, value))
        });
        let [near, middle, far] = self.rates_hz;
        Ok(SyncConfig {
            session: self.session,
            viewers_max: short("viewers_max", self.viewers_max)?,
            groups_max: short("groups_max", self.groups_max)?,
            cell_shift: byte("cell_shift", self.cell_shift)?,
            history: byte("history", self.history)?,
            delay_max: short("delay_max", self.delay_max)?,
            update_ticks: short("update_ticks", self.update_ticks)?,
            packet_max: short("packet_max", self.packet_max)?,
            rates_hz: [short("rates_hz", near)?, short("rates_hz", middle)?, short("rates_hz", far)?],
            rate_radii: self.rate_radii,
            public_attributes: attributes("public_attributes", self.public_attributes, self.public_attribute_count)?,
            owner_attributes: attributes("owner_attributes", self.owner_attributes, self.owner_attribute_count)?,
            kind_weights: weights.collect::<Result<_, Refused>>()?,
            ..SyncConfig::default()
        })
    }
}

impl muster_viewer_options_t {
    fn defaults(size: u32) -> Self {
        let options = ViewerOptions::default();
        Self {
            size,
            player: options.player,
            budget: options.budget,
            delay: options.delay.into(),
            team: options.team,
            sees_hidden: options.sees_hidden.into(),
            is_everywhere: options.is_everywhere.into(),
        }
    }

    fn read(&self) -> Result<ViewerOptions, Refused> {
        Ok(ViewerOptions {
            player: self.player,
            team: self.team,
            sees_hidden: flag("sees_hidden", self.sees_hidden)?,
            is_everywhere: flag("is_everywhere", self.is_everywhere)?,
            // More than a server can be told to keep is refused as what it is.
            delay: u16::try_from(self.delay).unwrap_or(u16::MAX),
            budget: self.budget,
        })
    }
}

impl muster_view_t {
    fn read(&self) -> Result<View, Refused> {
        let point = match self.entity {
            0 => ViewPoint::Place(self.position.read("position")?),
            entity => ViewPoint::Entity(EntityId::from_bits(entity)),
        };
        Ok(View { point, enter: self.enter, leave: self.leave })
    }
}

impl muster_inputs_due_t {
    fn of(due: InputsDue) -> Self {
        Self { size: 0, inputs: due.inputs, rewind_ticks: due.rewind }
    }
}

fn with(server: *mut muster_sync_server_t, work: impl FnOnce(&mut Server) -> Result<(), Refused>) -> muster_result_t {
    call(|| roots::with(server.addr() as u64, work))
}

/// Works with a server and its world, which is only read: a fault of the server is not the world's.
fn with_world(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    work: impl FnOnce(&mut Server, &muster_core::World) -> Result<(), Refused>,
) -> muster_result_t {
    with(server, |server| {
        check_world(server, world)?;
        roots::with(world.addr() as u64, |world: &mut World| Ok(caught(|| work(server, &world.core))))?
    })
}

/// Refuses another world than the one that the server was made for, and says whether it is none at all.
fn check_world(server: &Server, world: *mut muster_world_t) -> Result<(), Refused> {
    let handle = world.addr() as u64;
    if handle == server.world {
        return Ok(());
    }
    match roots::with(handle, |_: &mut World| Ok(())) {
        Err(refused) if refused.code == MUSTER_E_HANDLE => Err(refused),
        _ => Err(Refused::argument("world", "is not the one that the server was made for")),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_config_default(out_config: Out<muster_sync_config_t>, size: u32) -> muster_result_t {
    call(|| {
        let config = muster_sync_config_t::defaults(size);
        out_config.write_records([config].into_iter(), size as usize, "out_config")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_viewer_options_default(
    out_options: Out<muster_viewer_options_t>,
    size: u32,
) -> muster_result_t {
    call(|| {
        let options = muster_viewer_options_t::defaults(size);
        out_options.write_records([options].into_iter(), size as usize, "out_options")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_create(
    world: *mut muster_world_t,
    config: In<muster_sync_config_t>,
    out_server: Out<*mut muster_sync_server_t>,
) -> muster_result_t {
    call(|| {
        out_server.check("out_server")?;
        let config = if config.is_null() {
            muster_sync_config_t::defaults(size_of::<muster_sync_config_t>() as u32)
        } else {
            config.versioned("config")?
        };
        let config = config.read()?;
        let handle = world.addr() as u64;
        let made = roots::with(handle, |world: &mut World| Ok(caught(|| make(config, &world.core))))?;
        let handle = roots::keep(Server {
            core: made?,
            world: handle,
            written: Packets::default(),
            kept: Vec::new(),
            welcome: Vec::new(),
            commands: Vec::with_capacity(VIEWER_COMMANDS_MAX),
            views: Vec::new(),
        })?;
        out_server.write(core::ptr::without_provenance_mut(handle as usize), "out_server")
    })
}

fn make(config: SyncConfig, world: &muster_core::World) -> Result<SyncServer, Refused> {
    SyncServer::new(config, world).map_err(|error| Refused::new(MUSTER_E_CONFIG, error.to_string()))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_destroy(server: *mut muster_sync_server_t) -> muster_result_t {
    call(|| roots::end::<Server>(server.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_adopt(server: *mut muster_sync_server_t) -> muster_result_t {
    call(|| roots::adopt::<Server>(server.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_welcome(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    hello: muster_bytes_t,
    player: u32,
    out_welcome: Out<u8>,
    capacity: usize,
    out_size: Out<usize>,
) -> muster_result_t {
    with_world(server, world, |server, world| {
        let hello = hello.read("hello")?;
        server.welcome.clear();
        server
            .core
            .welcome(world, hello, player, &mut server.welcome)
            .map_err(|error| Refused::new(MUSTER_E_TERMS, error.to_string()))?;
        out_welcome.fill_bytes(&server.welcome, capacity, out_size, "out_welcome")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_add_viewer(
    server: *mut muster_sync_server_t,
    options: In<muster_viewer_options_t>,
    out_viewer: Out<muster_viewer_t>,
) -> muster_result_t {
    with(server, |server| {
        out_viewer.check("out_viewer")?;
        let options =
            if options.is_null() { ViewerOptions::default() } else { options.versioned("options")?.read()? };
        let viewer = server.core.add_viewer(&options).map_err(viewer_refused)?;
        out_viewer.write(viewer.bits(), "out_viewer")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_remove_viewer(
    server: *mut muster_sync_server_t,
    viewer: muster_viewer_t,
) -> muster_result_t {
    with(server, |server| {
        let viewer = ViewerId::from_bits(viewer);
        server.core.remove_viewer(viewer).map_err(viewer_refused)?;
        server.kept.retain(|(other, _)| *other != viewer);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_set_views(
    server: *mut muster_sync_server_t,
    viewer: muster_viewer_t,
    views: In<muster_view_t>,
    count: usize,
    view_size: usize,
) -> muster_result_t {
    with(server, |server| {
        // Before a list of any length is read.
        if count > muster_core::sync::server::VIEWS_MAX {
            return Err(viewer_refused(ViewerError::TooManyViews));
        }
        server.views.clear();
        for (index, view) in views.records(count, view_size, "views")?.enumerate() {
            server.views.push(view?.read().map_err(|refused| refused.within(&format!("views[{index}]")))?);
        }
        server.core.set_views(ViewerId::from_bits(viewer), &server.views).map_err(viewer_refused)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_set_predicted(
    server: *mut muster_sync_server_t,
    viewer: muster_viewer_t,
    entity: muster_entity_t,
) -> muster_result_t {
    with(server, |server| {
        let (viewer, entity) = (ViewerId::from_bits(viewer), EntityId::from_bits(entity));
        server.core.set_predicted(viewer, entity).map_err(viewer_refused)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_tick(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    out_is_update: Out<bool>,
) -> muster_result_t {
    with_world(server, world, |server, world| {
        out_is_update.check("out_is_update")?;
        let is_update = server.core.tick(world);
        out_is_update.write(is_update, "out_is_update")
    })
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "two arrays come with four arguments")]
pub extern "C" fn muster_sync_server_take_packets(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    viewer: muster_viewer_t,
    now_us: u64,
    out_bytes: Out<u8>,
    capacity: usize,
    out_size: Out<usize>,
    out_lengths: Out<u32>,
    lengths_capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with_world(server, world, |server, world| {
        out_size.check("out_size")?;
        out_count.check("out_count")?;
        if capacity > 0 {
            out_bytes.check("out_bytes")?;
        }
        if lengths_capacity > 0 {
            out_lengths.check("out_lengths")?;
        }
        let viewer = ViewerId::from_bits(viewer);
        let Server { core, written, kept, .. } = server;
        written.bytes.clear();
        written.lengths.clear();
        core.write(world, viewer, now_us, |packet| {
            written.bytes.extend_from_slice(packet);
            written.lengths.push(packet.len() as u32);
        })
        .map_err(viewer_refused)?;
        if let Some(at) = kept.iter().position(|(other, _)| *other == viewer) {
            let (_, older) = kept.swap_remove(at);
            // Those of an older update are as if they were lost on their way, or else they would pile up.
            if written.lengths.is_empty() {
                *written = older;
            }
        }
        let Packets { bytes, lengths } = written;
        if bytes.len() > capacity || lengths.len() > lengths_capacity {
            let (size, count) = (bytes.len(), lengths.len());
            kept.push((viewer, mem::take(written)));
            out_size.write(size, "out_size")?;
            out_count.write(count, "out_count")?;
            let text =
                format!("there are {count} packets of {size} bytes, and room for {lengths_capacity} of {capacity}");
            return Err(Refused::new(MUSTER_E_BUFFER, text));
        }
        out_bytes.fill_bytes(bytes, capacity, out_size, "out_bytes")?;
        out_lengths.fill(lengths.iter().copied(), lengths_capacity, out_count, "out_lengths")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_receive(
    server: *mut muster_sync_server_t,
    viewer: muster_viewer_t,
    report: muster_bytes_t,
    now_us: u64,
) -> muster_result_t {
    with(server, |server| {
        let report = report.read("report")?;
        server.core.receive(ViewerId::from_bits(viewer), report, now_us).map_err(|refusal| match refusal {
            ReportRefusal::Viewer(error) => viewer_refused(error),
            refusal => Refused::new(MUSTER_E_REPORT, refusal.to_string()),
        })
    })
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "an array of structs comes with four arguments")]
pub extern "C" fn muster_sync_server_take_inputs(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    viewer: muster_viewer_t,
    out_commands: Out<muster_command_t>,
    command_size: usize,
    capacity: usize,
    out_count: Out<usize>,
    out_due: Out<muster_inputs_due_t>,
) -> muster_result_t {
    with_world(server, world, |server, world| {
        check_due(out_due)?;
        // All that could be refused is, before anything is taken.
        out_commands.check("out_commands")?;
        out_commands.check_stride(command_size, "out_commands")?;
        out_count.check("out_count")?;
        if capacity < VIEWER_COMMANDS_MAX {
            out_count.write(VIEWER_COMMANDS_MAX, "out_count")?;
            let text = format!("out_commands must have room for {VIEWER_COMMANDS_MAX}");
            return Err(Refused::new(MUSTER_E_BUFFER, text));
        }
        server.commands.clear();
        let due = server.core.take_inputs(ViewerId::from_bits(viewer), world, &mut server.commands);
        let due = due.map_err(viewer_refused)?;
        let commands = server.commands.iter().map(muster_command_t::from);
        out_commands.fill_records(commands, command_size, capacity, out_count, "out_commands")?;
        write_due(out_due, due)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_apply_inputs(
    server: *mut muster_sync_server_t,
    world: *mut muster_world_t,
    viewer: muster_viewer_t,
    out_due: Out<muster_inputs_due_t>,
) -> muster_result_t {
    with(server, |server| {
        check_world(server, world)?;
        roots::with(world.addr() as u64, |world: &mut World| {
            check_due(out_due)?;
            server.commands.clear();
            let due = server.core.take_inputs(ViewerId::from_bits(viewer), &world.core, &mut server.commands);
            let due = due.map_err(viewer_refused)?;
            server.commands.iter().for_each(|command| world.command(*command));
            write_due(out_due, due)
        })
    })
}

fn check_due(out_due: Out<muster_inputs_due_t>) -> Result<(), Refused> {
    if out_due.is_null() { Ok(()) } else { out_due.check_versioned("out_due") }
}

fn write_due(out_due: Out<muster_inputs_due_t>, due: InputsDue) -> Result<(), Refused> {
    if out_due.is_null() { Ok(()) } else { out_due.write_versioned(muster_inputs_due_t::of(due), "out_due") }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_server_stats(
    server: *mut muster_sync_server_t,
    out_stats: Out<muster_sync_server_stats_t>,
) -> muster_result_t {
    with(server, |server| {
        let stats = server.core.stats();
        let stats = muster_sync_server_stats_t {
            size: 0,
            viewers: stats.viewers,
            groups: stats.groups,
            cells: stats.cells,
            updates: stats.updates,
            shares_encoded: stats.shares_encoded,
            shares_sent: stats.shares_sent,
            shares_whole: stats.shares_whole,
            shares_deferred: stats.shares_deferred,
            packets: stats.packets,
            bytes: stats.bytes,
            own_bytes: stats.own_bytes,
            event_bytes: stats.event_bytes,
            divided: stats.divided,
            unplaced: stats.unplaced,
            events_dropped: stats.events_dropped,
            reports_refused: stats.reports_refused,
        };
        out_stats.write_versioned(stats, "out_stats")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(muster_sync_config_t::defaults(96).read().ok(), Some(SyncConfig::default()));
        assert_eq!(muster_viewer_options_t::defaults(20).read().ok(), Some(ViewerOptions::default()));
    }

    #[test]
    fn numbers_are_not_cut_to_fit() {
        let with = |change: fn(&mut muster_sync_config_t)| {
            let mut config = muster_sync_config_t::defaults(96);
            change(&mut config);
            config.read().err().map(|refused| refused.code)
        };
        let wrong = Some(MUSTER_E_CONFIG);
        assert_eq!(with(|config| config.viewers_max = 65_537), wrong);
        assert_eq!(with(|config| config.cell_shift = 256 + 22), wrong);
        assert_eq!(with(|config| config.packet_max = 65_536 + 1200), wrong);
        assert_eq!(with(|config| config.rates_hz[2] = 65_546), wrong);
        assert_eq!(with(|config| config.public_attribute_count = u32::MAX), wrong);
        assert_eq!(with(|config| config.owner_attribute_count = 65), wrong);
        assert_eq!(with(|config| config.kind_weight_count = u32::MAX), wrong);
        assert_eq!(with(|config| config.reserved = 1), wrong);
        assert_eq!(with(|config| config.kind_weight_count = 1), Some(MUSTER_E_ARGUMENT));
        let options = muster_viewer_options_t { delay: 65_536, ..muster_viewer_options_t::defaults(20) };
        assert_eq!(options.read().map(|options| options.delay).ok(), Some(u16::MAX));
    }
}

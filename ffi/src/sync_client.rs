//! `muster/sync_client.h`: the side that looks.

use core::ffi::c_void;

use muster_core::{
    Column, EntityId, METRE, Position,
    event::Event,
    sync::{
        client::{ClientOptions, CommandError, Departure, PacketRefusal, Shown, SyncClient},
        report::REPORT_MAX,
        terms::{TermsError, Welcome},
    },
};

use crate::{
    base::{muster_bytes_t, muster_position_t},
    boundary::{In, Out, Versioned},
    command::muster_command_t,
    entity::muster_entity_t,
    error::{Refused, call, muster_result_t, muster_result_t::*},
    event::muster_event_t,
    map::read_map,
    roots::{self, Root, Slots},
};

/// What a handle is a pointer to, for C. There is nothing behind it.
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_client_t {
    _nothing: [c_void; 0],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_departure_kind_t {
    MUSTER_DEPARTURE_LEFT = 0,
    MUSTER_DEPARTURE_DESTROYED = 1,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_client_options_t {
    pub size: u32,
    pub groups_max: u32,
    pub entities_max: u32,
    pub owner_values_max: u32,
    pub beyond_us: u32,
    pub smooth_us: u32,
    pub snap: i32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_terms_t {
    pub size: u32,
    pub session: u32,
    pub player: u32,
    pub tick_rate_hz: u32,
    pub update_ticks: u32,
    pub packet_max: u32,
    pub public_attribute_count: u32,
    pub owner_attribute_count: u32,
    pub public_attributes: [u8; 64],
    pub owner_attributes: [u8; 64],
    pub tick: u64,
    pub map_hash: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_received_t {
    pub size: u32,
    pub update: u32,
    pub states: u32,
    pub events: u32,
    pub is_whole: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_predicted_t {
    pub size: u32,
    pub heading: u32,
    pub entity: muster_entity_t,
    pub position: muster_position_t,
    pub velocity_x: i32,
    pub velocity_y: i32,
    pub tick: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_departure_t {
    pub entity: muster_entity_t,
    pub kind: u32,
    pub reserved: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sync_client_stats_t {
    pub size: u32,
    pub groups: u32,
    pub entities: u32,
    pub rtt_us: u32,
    pub jitter_us: u32,
    pub delay_us: u32,
    pub lead_us: u32,
    pub reserved: u32,
    pub shown_tick: u64,
    pub packets: u64,
    pub bytes: u64,
    pub states: u64,
    pub states_whole: u64,
    pub states_late: u64,
    pub states_unknown: u64,
    pub lost: u64,
    pub refused: [u64; 12],
    pub reports: u64,
    pub report_bytes: u64,
    pub corrections: u64,
    pub dropped: u64,
}

// A reason that the core adds has to be added to the header.
const _: () = assert!(PacketRefusal::REASONS == 12);

impl Versioned for muster_sync_client_options_t {
    const SIZE_MIN: usize = 28;
}
impl Versioned for muster_sync_terms_t {
    const SIZE_MIN: usize = 176;
}
impl Versioned for muster_received_t {
    const SIZE_MIN: usize = 20;
}
impl Versioned for muster_predicted_t {
    const SIZE_MIN: usize = 56;
}
impl Versioned for muster_departure_t {
    const SIZE_MIN: usize = 16;
}
impl Versioned for muster_sync_client_stats_t {
    const SIZE_MIN: usize = 224;
}

/// A client and what its callers' calls need from one to the next.
struct Client {
    core: SyncClient,
    report: Vec<u8>,
    values: Vec<i64>,
    /// What is to be handed out once, until a caller has room for it.
    events: Vec<Event>,
    departures: Vec<(EntityId, Departure)>,
}

static CLIENTS: Slots<Client> = Slots::new(3);

impl Root for Client {
    const HANDLE: &'static str = "muster_sync_client_t *";

    fn slots() -> &'static Slots<Self> {
        &CLIENTS
    }
}

impl muster_sync_client_options_t {
    fn defaults(size: u32) -> Self {
        let options = ClientOptions::default();
        Self {
            size,
            groups_max: options.groups_max.into(),
            entities_max: options.entities_max,
            owner_values_max: options.owner_values_max,
            beyond_us: options.beyond_us,
            smooth_us: options.smooth_us,
            snap: options.snap,
        }
    }

    fn read(&self) -> Result<ClientOptions, Refused> {
        let wrong = |_| Refused::new(MUSTER_E_CONFIG, "groups_max must be 1 to 65535");
        Ok(ClientOptions {
            groups_max: u16::try_from(self.groups_max).map_err(wrong)?,
            entities_max: self.entities_max,
            owner_values_max: self.owner_values_max,
            beyond_us: self.beyond_us,
            smooth_us: self.smooth_us,
            snap: self.snap,
        })
    }
}

impl From<&Welcome> for muster_sync_terms_t {
    fn from(welcome: &Welcome) -> Self {
        let list = |numbers: &[u8]| {
            let mut list = [0; 64];
            list.iter_mut().zip(numbers).for_each(|(to, number)| *to = *number);
            list
        };
        Self {
            size: 0,
            session: welcome.session,
            player: welcome.player,
            tick_rate_hz: welcome.config.tick_rate_hz,
            update_ticks: welcome.update_ticks.into(),
            packet_max: welcome.packet_max.into(),
            public_attribute_count: welcome.public_attributes.len() as u32,
            owner_attribute_count: welcome.owner_attributes.len() as u32,
            public_attributes: list(&welcome.public_attributes),
            owner_attributes: list(&welcome.owner_attributes),
            tick: welcome.tick,
            map_hash: welcome.map_hash,
        }
    }
}

fn read_welcome(bytes: &[u8]) -> Result<Welcome, Refused> {
    Welcome::decode(bytes).map_err(|error| Refused::new(MUSTER_E_TERMS, error.to_string()))
}

/// Works with the client of a handle.
fn with(client: *mut muster_sync_client_t, work: impl FnOnce(&mut Client) -> Result<(), Refused>) -> muster_result_t {
    call(|| roots::with(client.addr() as u64, work))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_options_default(
    out_options: Out<muster_sync_client_options_t>,
    size: u32,
) -> muster_result_t {
    call(|| {
        let options = muster_sync_client_options_t::defaults(size);
        out_options.write_records([options].into_iter(), size as usize, "out_options")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_hello(out_hello: Out<u8>, capacity: usize, out_size: Out<usize>) -> muster_result_t {
    call(|| {
        let mut hello = Vec::new();
        SyncClient::hello(&mut hello);
        out_hello.fill_bytes(&hello, capacity, out_size, "out_hello")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_terms(welcome: muster_bytes_t, out_terms: Out<muster_sync_terms_t>) -> muster_result_t {
    call(|| {
        out_terms.check_versioned("out_terms")?;
        let welcome = read_welcome(welcome.read("welcome")?)?;
        out_terms.write_versioned((&welcome).into(), "out_terms")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_create(
    welcome: muster_bytes_t,
    map_json: muster_bytes_t,
    options: In<muster_sync_client_options_t>,
    out_client: Out<*mut muster_sync_client_t>,
) -> muster_result_t {
    call(|| {
        out_client.check("out_client")?;
        let options =
            if options.is_null() { ClientOptions::default() } else { options.versioned("options")?.read()? };
        let (bytes, map) = (welcome.read("welcome")?, read_map(map_json)?);
        read_welcome(bytes)?;
        let core = SyncClient::new(bytes, map, &options).map_err(|error| {
            let code = match error {
                // The welcome itself is good, so it is an option.
                TermsError::Value(_) => MUSTER_E_CONFIG,
                TermsError::Map { .. } => MUSTER_E_MAP,
                _ => MUSTER_E_TERMS,
            };
            Refused::new(code, error.to_string())
        })?;
        let handle = roots::keep(Client {
            core,
            report: Vec::with_capacity(REPORT_MAX),
            values: Vec::new(),
            events: Vec::new(),
            departures: Vec::new(),
        })?;
        out_client.write(core::ptr::without_provenance_mut(handle as usize), "out_client")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_destroy(client: *mut muster_sync_client_t) -> muster_result_t {
    call(|| roots::end::<Client>(client.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_adopt(client: *mut muster_sync_client_t) -> muster_result_t {
    call(|| roots::adopt::<Client>(client.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_receive(
    client: *mut muster_sync_client_t,
    packet: muster_bytes_t,
    now_us: u64,
    out_received: Out<muster_received_t>,
) -> muster_result_t {
    with(client, |client| {
        if !out_received.is_null() {
            out_received.check_versioned("out_received")?;
        }
        let packet = packet.read("packet")?;
        let refused = |refusal: PacketRefusal| Refused::new(MUSTER_E_PACKET, refusal.to_string());
        let received = client.core.receive(packet, now_us).map_err(refused)?;
        if out_received.is_null() {
            return Ok(());
        }
        let received = muster_received_t {
            size: 0,
            update: received.update,
            states: received.states.into(),
            events: received.events.into(),
            is_whole: received.is_whole.into(),
        };
        out_received.write_versioned(received, "out_received")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_command(
    client: *mut muster_sync_client_t,
    command: In<muster_command_t>,
    command_size: usize,
) -> muster_result_t {
    with(client, |client| {
        let command = command.record(command_size, "command")?.read()?;
        let taken = client.core.command(command.entity, command.action);
        taken.map_err(|error| {
            let text = match error {
                CommandError::Tick => "there are as many commands for the coming tick as it may have",
                CommandError::Waiting => "the server has not carried out commands for so long that no more may wait",
            };
            Refused::new(MUSTER_E_FULL, text)
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_advance(client: *mut muster_sync_client_t, now_us: u64) -> muster_result_t {
    with(client, |client| {
        client.core.advance(now_us);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_report(
    client: *mut muster_sync_client_t,
    now_us: u64,
    out_report: Out<u8>,
    capacity: usize,
    out_size: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        out_size.check("out_size")?;
        // Each report has a number, so none is made before it is sure that it can be handed out.
        if capacity < REPORT_MAX {
            out_size.write(REPORT_MAX, "out_size")?;
            return Err(Refused::new(MUSTER_E_BUFFER, format!("out_report must have room for {REPORT_MAX} bytes")));
        }
        out_report.check("out_report")?;
        client.report.clear();
        client.core.report(now_us, &mut client.report);
        out_report.fill_bytes(&client.report, capacity, out_size, "out_report")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_ids(
    client: *mut muster_sync_client_t,
    out_ids: Out<muster_entity_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        let ids = client.core.shown().id.iter().map(|id| id.bits());
        out_ids.fill(ids, capacity, out_count, "out_ids")
    })
}

/// Where the entity of a row is shown.
fn position(shown: &Shown, row: usize) -> Position {
    Position { sector: shown.sector[row], x: shown.x[row], y: shown.y[row] }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_read_positions(
    client: *mut muster_sync_client_t,
    out_positions: Out<muster_position_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        let shown = client.core.shown();
        let positions = (0..shown.len()).map(|row| position(shown, row).into());
        out_positions.fill(positions, capacity, out_count, "out_positions")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_read_metres(
    client: *mut muster_sync_client_t,
    origin: muster_position_t,
    out_xy: Out<f32>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        let (shown, origin) = (client.core.shown(), origin.normal());
        let metres = |units: i64| (units as f64 / f64::from(METRE)) as f32;
        let pairs = (0..shown.len()).map(|row| {
            let offset = origin.offset_to(position(shown, row));
            offset.map_or([f32::INFINITY; 2], |(right, up)| [metres(right), metres(up)])
        });
        out_xy.pairs().fill(pairs, capacity, out_count, "out_xy")
    })
}

/// Reads a column of all that is shown.
fn read_column(core: &SyncClient, number: u32, values: &mut Vec<i64>) -> Result<(), Refused> {
    let shown = core.shown();
    values.clear();
    let column = u16::try_from(number).ok().and_then(Column::from_number);
    match column {
        Some(Column::Heading) => values.extend(shown.heading.iter().map(|value| i64::from(*value))),
        Some(Column::Shape) => values.extend(shown.shape.iter().map(|value| i64::from(*value))),
        Some(Column::HalfX) => values.extend(shown.half_x.iter().map(|value| i64::from(*value))),
        Some(Column::HalfY) => values.extend(shown.half_y.iter().map(|value| i64::from(*value))),
        Some(Column::Health) => values.extend(shown.health.iter().map(|value| i64::from(*value))),
        Some(Column::HealthMax) => values.extend(shown.health_max.iter().map(|value| i64::from(*value))),
        Some(Column::State) => values.extend(shown.state.iter().map(|value| i64::from(*value))),
        Some(Column::Team) => values.extend(shown.team.iter().map(|value| i64::from(*value))),
        Some(Column::Kind) => values.extend(shown.kind.iter().map(|value| i64::from(*value))),
        Some(Column::Owner) => values.extend(shown.owner.iter().map(|value| i64::from(*value))),
        Some(Column::Flags) => values.extend(shown.flags.iter().map(|value| i64::from(*value))),
        Some(Column::Target) => values.extend(shown.target.iter().map(|value| value.bits().cast_signed())),
        Some(Column::Attribute(attribute)) => {
            let place = core.welcome().public_attributes.iter().position(|public| *public == attribute);
            let place = place.ok_or_else(|| Refused::argument("column", "is of an attribute that is not public"))?;
            values.extend(shown.attributes[place].iter().map(|value| i64::from(*value)));
        }
        _ => return Err(Refused::argument("column", &format!("{number} is none that viewers are told"))),
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_read_i64(
    client: *mut muster_sync_client_t,
    column: u32,
    out_values: Out<i64>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        read_column(&client.core, column, &mut client.values)?;
        out_values.fill(client.values.iter().copied(), capacity, out_count, "out_values")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_read_i32(
    client: *mut muster_sync_client_t,
    column: u32,
    out_values: Out<i32>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        read_column(&client.core, column, &mut client.values)?;
        if let Some(value) = client.values.iter().find(|value| i32::try_from(**value).is_err()) {
            return Err(Refused::new(MUSTER_E_VALUE, format!("a value, {value}, does not fit 32 bits")));
        }
        let values = client.values.iter().map(|value| *value as i32);
        out_values.fill(values, capacity, out_count, "out_values")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_owner_value(
    client: *mut muster_sync_client_t,
    entity: muster_entity_t,
    attribute: u32,
    out_is_known: Out<bool>,
    out_value: Out<i32>,
) -> muster_result_t {
    with(client, |client| {
        out_is_known.check("out_is_known")?;
        out_value.check("out_value")?;
        let owned = &client.core.welcome().owner_attributes;
        let place = owned.iter().position(|owned| u32::from(*owned) == attribute);
        let place = place.ok_or_else(|| Refused::argument("attribute", "is none that owners are told"))?;
        let value = client.core.owner_value(EntityId::from_bits(entity), place as u8);
        if let Some(value) = value {
            out_value.write(value, "out_value")?;
        }
        out_is_known.write(value.is_some(), "out_is_known")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_predicted(
    client: *mut muster_sync_client_t,
    out_is_predicted: Out<bool>,
    out_predicted: Out<muster_predicted_t>,
) -> muster_result_t {
    with(client, |client| {
        out_is_predicted.check("out_is_predicted")?;
        out_predicted.check_versioned("out_predicted")?;
        let predicted = client.core.predicted();
        if let Some(predicted) = predicted {
            let predicted = muster_predicted_t {
                size: 0,
                heading: predicted.heading.into(),
                entity: predicted.id.bits(),
                position: predicted.position.into(),
                velocity_x: predicted.velocity.0,
                velocity_y: predicted.velocity.1,
                tick: predicted.tick,
            };
            out_predicted.write_versioned(predicted, "out_predicted")?;
        }
        out_is_predicted.write(predicted.is_some(), "out_is_predicted")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_take_events(
    client: *mut muster_sync_client_t,
    out_events: Out<muster_event_t>,
    event_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        // Those that are waiting for room are handed out before others are taken, so that they do not pile up.
        if client.events.is_empty() {
            client.core.take_events(&mut client.events);
        }
        let events = client.events.iter().map(muster_event_t::from);
        out_events.fill_records(events, event_size, capacity, out_count, "out_events")?;
        client.events.clear();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_take_departures(
    client: *mut muster_sync_client_t,
    out_departures: Out<muster_departure_t>,
    departure_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(client, |client| {
        if client.departures.is_empty() {
            client.core.take_departures(&mut client.departures);
        }
        let departures = client.departures.iter().map(|(id, departure)| {
            let kind = match departure {
                Departure::Left => muster_departure_kind_t::MUSTER_DEPARTURE_LEFT,
                Departure::Destroyed => muster_departure_kind_t::MUSTER_DEPARTURE_DESTROYED,
            };
            muster_departure_t { entity: id.bits(), kind: kind as u32, reserved: 0 }
        });
        out_departures.fill_records(departures, departure_size, capacity, out_count, "out_departures")?;
        client.departures.clear();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sync_client_stats(
    client: *mut muster_sync_client_t,
    out_stats: Out<muster_sync_client_stats_t>,
) -> muster_result_t {
    with(client, |client| {
        let stats = client.core.statistics();
        let stats = muster_sync_client_stats_t {
            size: 0,
            groups: stats.groups,
            entities: stats.entities,
            rtt_us: stats.rtt_us,
            jitter_us: stats.jitter_us,
            delay_us: stats.delay_us,
            lead_us: stats.lead_us,
            reserved: 0,
            shown_tick: client.core.shown_tick().unwrap_or(0),
            packets: stats.packets,
            bytes: stats.bytes,
            states: stats.states,
            states_whole: stats.states_whole,
            states_late: stats.states_late,
            states_unknown: stats.states_unknown,
            lost: stats.lost,
            refused: stats.refused,
            reports: stats.reports,
            report_bytes: stats.report_bytes,
            corrections: stats.corrections,
            dropped: stats.dropped,
        };
        out_stats.write_versioned(stats, "out_stats")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        assert_eq!(muster_sync_client_options_t::defaults(28).read().ok(), Some(ClientOptions::default()));
        let options = muster_sync_client_options_t { groups_max: 65_537, ..muster_sync_client_options_t::defaults(28) };
        assert_eq!(options.read().err().map(|refused| refused.code), Some(MUSTER_E_CONFIG));
    }
}

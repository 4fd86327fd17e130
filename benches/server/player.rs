//! Players of both servers, who steer here and there as with keys.

use anyhow::{Context, Result};
use muster_benches::scene::Chance;
use muster_core::{
    METRE, Map,
    command::Action,
    sync::client::{ClientOptions, SyncClient},
};
use tungstenite::Message;

use crate::{colyseus, swarm::Actor, web::Socket};

/// How fast players go, in metres a second.
const SPEED: f64 = 7.0;
/// Who comes so near to the edge of the field turns back, in metres.
const EDGE: f64 = 10.0;

/// What came of the time that is measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Bytes of updates, without the WebSocket's own.
    pub(crate) bytes: u64,
    /// Messages with updates.
    pub(crate) messages: u64,
}

/// Keys that are held for a while: one of eight ways, never none.
#[derive(Debug)]
struct Keys {
    chance: Chance,
    way: (f64, f64),
    until_us: u64,
}

/// A player of `muster`, with the receiving side of games.
struct Guest {
    keys: Keys,
    sync: Option<SyncClient>,
    report: Vec<u8>,
}

/// Players of one mode of `muster`.
pub(crate) struct Guests {
    guests: Vec<Guest>,
    map: Option<Map>,
    /// The field's sides in metres.
    size: (f64, f64),
    shoots: bool,
    pub(crate) traffic: Traffic,
}

/// Players of a room of Colyseus.
pub(crate) struct Members {
    keys: Vec<Keys>,
    pub(crate) traffic: Traffic,
}

impl Keys {
    fn new(client: usize) -> Self {
        let mut keys = Self { chance: Chance::new(client as u64 + 1), way: (SPEED, 0.0), until_us: 0 };
        keys.turn(0);
        keys
    }

    fn turn(&mut self, now_us: u64) {
        let angle = self.chance.below(8) as f64 * std::f64::consts::FRAC_PI_4;
        self.way = (SPEED * angle.cos(), SPEED * angle.sin());
        self.until_us = now_us + (self.chance.between(0.3, 1.5) * 1e6) as u64;
    }

    /// The velocity that is wanted, at a place of a field if it is known.
    fn hold(&mut self, now_us: u64, place: Option<(f64, f64)>, size: (f64, f64)) -> (f64, f64) {
        if now_us >= self.until_us {
            self.turn(now_us);
        }
        if let Some(place) = place {
            let inwards = |way: f64, at: f64, side: f64| match at {
                at if at < EDGE => way.abs(),
                at if at > side - EDGE => -way.abs(),
                _ => way,
            };
            self.way = (inwards(self.way.0, place.0, size.0), inwards(self.way.1, place.1, size.1));
        }
        self.way
    }
}

impl Guests {
    /// Nobody yet.
    pub(crate) fn new(map: Option<Map>, size: (f64, f64), shoots: bool) -> Self {
        Self { guests: Vec::new(), map, size, shoots, traffic: Traffic::default() }
    }

    /// One more, by a socket that is in the match.
    pub(crate) fn enter(&mut self, socket: &mut Socket) -> Result<()> {
        let mut hello = Vec::new();
        SyncClient::hello(&mut hello);
        socket.send_bytes(&hello)?;
        self.guests.push(Guest { keys: Keys::new(self.guests.len()), sync: None, report: Vec::new() });
        Ok(())
    }

    /// How many know where they are.
    pub(crate) fn placed(&self) -> usize {
        let has_place = |guest: &&Guest| guest.sync.as_ref().is_some_and(|sync| sync.predicted().is_some());
        self.guests.iter().filter(has_place).count()
    }

    /// How many entities the first of them sees.
    pub(crate) fn in_sight(&self) -> usize {
        self.guests.first().and_then(|guest| guest.sync.as_ref()).map_or(0, |sync| sync.shown().len())
    }
}

impl Actor for Guests {
    fn hear(&mut self, client: usize, message: Message, socket: &mut Socket, now_us: u64) -> Result<()> {
        let guest = &mut self.guests[client];
        match message {
            Message::Binary(bytes) => match bytes.get(4..8) {
                Some(b"MUWE") => {
                    let options = ClientOptions { groups_max: 256, entities_max: 1024, ..ClientOptions::default() };
                    let sync = SyncClient::new(&bytes, self.map.clone(), &options).context("the welcome is good")?;
                    guest.sync = Some(sync);
                }
                Some([b'M', b'U', ..]) => {}
                _ => {
                    self.traffic.bytes += bytes.len() as u64;
                    self.traffic.messages += 1;
                    let Some(sync) = &mut guest.sync else { return Ok(()) };
                    sync.receive(&bytes, now_us).context("packets of the server are good")?;
                }
            },
            Message::Text(text) if text.contains("\"match:joined\"") => {
                // It has another side: it begins anew.
                guest.sync = None;
                let mut hello = Vec::new();
                SyncClient::hello(&mut hello);
                socket.send_bytes(&hello)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, client: usize, socket: &mut Socket, now_us: u64) -> Result<()> {
        let guest = &mut self.guests[client];
        let Some(sync) = &mut guest.sync else { return Ok(()) };
        sync.advance(now_us);
        if let Some(own) = sync.predicted() {
            let metres = |units: i32| f64::from(units) / f64::from(METRE);
            let place = (metres(own.position.x), metres(own.position.y));
            let (x, y) = guest.keys.hold(now_us, Some(place), self.size);
            let units = |metres: f64| (metres * f64::from(METRE)) as i32;
            // A command that finds no room is one that is not said.
            _ = sync.command(own.id, Action::SetVelocity { x: units(x), y: units(y) });
            if self.shoots && guest.keys.chance.below(5) == 0 {
                let heading = guest.keys.chance.bits() as u16;
                _ = sync.command(own.id, Action::Fire { heading });
            }
        }
        guest.report.clear();
        sync.report(now_us, &mut guest.report);
        socket.send_bytes(&guest.report)
    }
}

impl Members {
    pub(crate) fn new(count: usize) -> Self {
        Self { keys: (0..count).map(Keys::new).collect(), traffic: Traffic::default() }
    }
}

impl Actor for Members {
    fn hear(&mut self, _: usize, message: Message, _: &mut Socket, _: u64) -> Result<()> {
        if let Message::Binary(bytes) = message
            && colyseus::is_patch(&bytes)
        {
            self.traffic.bytes += bytes.len() as u64;
            self.traffic.messages += 1;
        }
        Ok(())
    }

    fn act(&mut self, client: usize, socket: &mut Socket, now_us: u64) -> Result<()> {
        // The room turns them back at the edges.
        let (x, y) = self.keys[client].hold(now_us, None, (0.0, 0.0));
        socket.send_bytes(&colyseus::velocity(x as f32, y as f32))
    }
}

//! A match as bytes.
//!
//! `MUMATCH1`; how long the head is (u32), the head as JSON; how long the state is (u32), the state of the scripts; the
//! world's snapshot; and the XXH3 of all that (u64). Numbers are little-endian.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::{World, sync::server::SyncConfig};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{MatchSettings, Player, RestoreError, players::NAME_BYTES_MAX};
use crate::{
    Limits,
    binding::{LABEL_BYTES_MAX, TICK_RATE_MAX},
    stage::{Member, Names, Random, Request, Stage, Timer},
};

const MAGIC: &[u8; 8] = b"MUMATCH1";

/// What a saved match is besides its world and the state of its scripts.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) mode: String,
    pub(super) version: String,
    pub(super) is_nakama: bool,
    random: u64,
    settings: Settings,
    attributes: BTreeMap<String, u8>,
    weapons: BTreeMap<String, u16>,
    behaviours: BTreeMap<String, u16>,
    members: Vec<SavedMember>,
    timers: Vec<SavedTimer>,
    next_timer: u64,
    inbox: Vec<(u32, String)>,
    requests: Vec<SavedRequest>,
    next_request: u64,
}

#[derive(Serialize, Deserialize)]
struct Settings {
    tick_rate_hz: u32,
    label: String,
    players_max: u32,
    #[serde(default)]
    at_once: bool,
    spectators: bool,
    teams: u16,
    view: [i32; 2],
    away: (u16, u32),
    #[serde(default)]
    large: bool,
    client: serde_json::Value,
    update_ticks: u16,
    cell_shift: u8,
    rates_hz: [u16; 3],
    rate_radii: [i32; 2],
    public_attributes: Vec<u8>,
    owner_attributes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct SavedMember {
    number: u32,
    id: String,
    name: String,
    is_bot: bool,
    team: u16,
    is_away: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedTimer {
    tick: u64,
    id: u64,
    callback: String,
    data: Vec<u8>,
    every: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedRequest {
    id: u64,
    action: String,
    player: u32,
    key: String,
    tag: String,
}

/// The parts of a saved match.
pub(super) struct Parts<'a> {
    pub(super) head: Head,
    pub(super) state: &'a [u8],
    pub(super) world: &'a [u8],
}

/// Appends a match.
pub(super) fn write(stage: &Stage, is_nakama: bool, state: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let head = serde_json::to_vec(&Head::of(stage, is_nakama)).expect("the head is numbers, texts and lists of them");
    out.extend_from_slice(MAGIC);
    for part in [&head[..], state] {
        // Both are bounded far below.
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
    if let Some(world) = &stage.world {
        world.save(out);
    }
    let checksum = XxHash3_64::oneshot(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Takes a saved match apart.
pub(super) fn read(bytes: &[u8]) -> Result<Parts<'_>, RestoreError> {
    let cut = RestoreError::Bytes("they end too early");
    let (body, checksum) = bytes.split_last_chunk::<8>().ok_or(cut)?;
    if XxHash3_64::oneshot(body) != u64::from_le_bytes(*checksum) {
        return Err(RestoreError::Bytes("their checksum is wrong"));
    }
    let rest =
        body.strip_prefix(MAGIC).ok_or(RestoreError::Bytes("they do not begin as a saved match of this form"))?;
    let part = |bytes| split(bytes).ok_or(RestoreError::Bytes("they end too early"));
    let (head, rest) = part(rest)?;
    let (state, world) = part(rest)?;
    let head = serde_json::from_slice(head).map_err(|_| RestoreError::Bytes("their head cannot be read"))?;
    Ok(Parts { head, state, world })
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

impl Head {
    fn of(stage: &Stage, is_nakama: bool) -> Self {
        let settings = &stage.settings;
        let sync = &settings.sync;
        // Results that no script was told of yet are asked for anew.
        let waiting = stage.stored.iter().map(|(request, _)| request);
        Self {
            id: stage.id.clone(),
            mode: stage.mode.clone(),
            version: stage.version.to_string(),
            is_nakama,
            random: stage.random.0,
            settings: Settings {
                tick_rate_hz: settings.tick_rate_hz,
                label: settings.label.clone(),
                players_max: settings.players_max,
                at_once: settings.at_once,
                spectators: settings.spectators,
                teams: settings.teams,
                view: [settings.view_enter, settings.view_leave],
                away: (settings.away_behaviour, settings.away_seconds),
                large: settings.large,
                client: settings.client.clone(),
                update_ticks: sync.update_ticks,
                cell_shift: sync.cell_shift,
                rates_hz: sync.rates_hz,
                rate_radii: sync.rate_radii,
                public_attributes: sync.public_attributes.clone(),
                owner_attributes: sync.owner_attributes.clone(),
            },
            attributes: stage.names.attributes.clone(),
            weapons: stage.names.weapons.clone(),
            behaviours: stage.names.behaviours.clone(),
            members: stage.members.values().map(SavedMember::of).collect(),
            timers: stage.timers.iter().map(SavedTimer::of).collect(),
            next_timer: stage.next_timer,
            inbox: stage.inbox.iter().cloned().collect(),
            requests: stage.requests.values().chain(waiting).map(SavedRequest::of).collect(),
            next_request: stage.next_request,
        }
    }

    /// Whether a match could have come to this: the checksum tells of accidents, not of who wrote it.
    ///
    /// # Errors
    /// What cannot be.
    pub(super) fn check(&self, world: &World, limits: &Limits) -> Result<(), RestoreError> {
        /// Numbers that a script is told fit its own exactly.
        const NUMBER_MAX: u64 = 1 << 53;
        let Settings { view, away, .. } = &self.settings;
        let config = world.config();
        let ids = |mut ids: Vec<u64>, next: u64| {
            let mut seen = BTreeSet::new();
            ids.drain(..).all(|id| id < next && seen.insert(id)) && next <= NUMBER_MAX
        };
        let is_ours = |member: &SavedMember| {
            member.number > 0 && member.id.len() <= NAME_BYTES_MAX && member.name.len() <= NAME_BYTES_MAX
        };
        let is_due = |timer: &SavedTimer| {
            timer.tick <= NUMBER_MAX && timer.every <= u64::from(u32::MAX) && timer.data.len() <= limits.state_bytes_max
        };
        let inbox_bytes: usize = self.inbox.iter().map(|(_, text)| text.len()).sum();
        let mut numbers: Vec<u32> = self.members.iter().map(|member| member.number).collect();
        numbers.sort_unstable();
        let checks = [
            ((1..=TICK_RATE_MAX).contains(&self.settings.tick_rate_hz), "its tick rate"),
            (self.settings.label.len() <= LABEL_BYTES_MAX, "its label"),
            (self.settings.players_max > 0, "its players_max"),
            (view[0] >= 0 && view[0] <= view[1], "its view"),
            (usize::from(away.0) <= config.behaviours.len(), "who plays for who is away"),
            (self.attributes.values().all(|number| usize::from(*number) < config.attributes.len()), "its attributes"),
            (self.members.iter().all(is_ours), "its players"),
            (self.members.len() <= limits.players_max as usize && numbers.is_sorted_by(|a, b| a < b), "its players"),
            (self.timers.len() <= limits.timers_max && self.timers.iter().all(is_due), "its timers"),
            (ids(self.timers.iter().map(|timer| timer.id).collect(), self.next_timer), "its timers"),
            (inbox_bytes <= limits.inbox_bytes_max, "what players said"),
            (
                ids(self.requests.iter().map(|request| request.id).collect(), self.next_request),
                "what it asked of the store",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(RestoreError::Bytes(what)),
            None => self.sync().validate(world).map_err(|_| RestoreError::Bytes("how its world is told")),
        }
    }

    fn sync(&self) -> SyncConfig {
        let Settings { update_ticks, cell_shift, rates_hz, rate_radii, .. } = self.settings;
        let Settings { public_attributes, owner_attributes, .. } = &self.settings;
        SyncConfig {
            update_ticks,
            cell_shift,
            rates_hz,
            rate_radii,
            public_attributes: public_attributes.clone(),
            owner_attributes: owner_attributes.clone(),
            ..MatchSettings::default().sync
        }
    }

    /// Puts what was saved onto a stage.
    pub(super) fn put_on(self, stage: &mut Stage) {
        let sync = self.sync();
        let Settings {
            tick_rate_hz, label, players_max, at_once, spectators, teams, view, away, large, client, ..
        } = self.settings;
        stage.settings = MatchSettings {
            tick_rate_hz,
            label,
            players_max,
            at_once,
            spectators,
            teams,
            view_enter: view[0],
            view_leave: view[1],
            away_behaviour: away.0,
            away_seconds: away.1,
            large,
            client,
            sync,
        };
        stage.names = Names { attributes: self.attributes, weapons: self.weapons, behaviours: self.behaviours };
        stage.random = Random(self.random);
        for saved in self.members {
            let SavedMember { number, id, name, is_bot, team, is_away } = saved;
            let player = Player { number, id, name, is_bot };
            stage.members.insert(number, Member { player, team, is_away, messages: 0 });
        }
        for saved in self.timers {
            let SavedTimer { tick, id, callback, data, every } = saved;
            stage.timers.insert((tick, id), Timer { callback, data, every });
        }
        stage.next_timer = self.next_timer;
        for (player, text) in self.inbox {
            stage.inbox_bytes += text.len();
            if let Some(member) = stage.members.get_mut(&player) {
                member.messages += 1;
            }
            stage.inbox.push_back((player, text));
        }
        for saved in self.requests {
            let SavedRequest { id, action, player, key, tag } = saved;
            let action = ["get", "set", "add", "delete"].into_iter().find(|known| *known == action).unwrap_or("get");
            stage.requests.insert(id, Request { id, action, player, key, tag, write: None });
        }
        stage.next_request = self.next_request;
    }
}

impl SavedMember {
    fn of(member: &Member) -> Self {
        let Player { number, id, name, is_bot } = member.player.clone();
        Self { number, id, name, is_bot, team: member.team, is_away: member.is_away }
    }
}

impl SavedTimer {
    fn of(((tick, id), timer): (&(u64, u64), &Timer)) -> Self {
        let Timer { callback, data, every } = timer.clone();
        Self { tick: *tick, id: *id, callback, data, every }
    }
}

impl SavedRequest {
    fn of(request: &Request) -> Self {
        let Request { id, action, player, key, tag, .. } = request.clone();
        Self { id, action: action.into(), player, key, tag }
    }
}

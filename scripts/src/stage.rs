//! What the scripts of a match act on: the world, and what waits to be given out.
//!
//! **Whatever a script changes in the world is an [`Input`]** that is applied and recorded at once, before the step of the
//! tick: a script sees what it did, and a replay needs no script.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use mlua::Table;
use muster_core::{
    EntityId, Input, World,
    command::Command,
    random::{below, fold, mix},
    replay::Recorder,
    world::{Applied, InputError},
};
use serde_json::Value;

use crate::{
    Limits, ScriptError,
    known::{Known, after},
    matches::{
        Ended, LogLevel, MatchSettings, Output, Player, StoreAction, StoreRequest, StoreResult, StoreScope,
        StoredValues, To,
    },
    vm::Vm,
};

/// What the scripts of a match act on.
pub(crate) struct Stage {
    pub(crate) id: String,
    pub(crate) version: Rc<str>,
    pub(crate) mode: String,
    pub(crate) limits: Limits,
    pub(crate) settings: MatchSettings,
    /// The numbers of weapons, behaviours and attributes by their names.
    pub(crate) names: Names,
    /// There once `match_init` has said what it is to be.
    pub(crate) world: Option<World>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) random: Random,
    pub(crate) members: BTreeMap<u32, Member>,
    pub(crate) timers: BTreeMap<(u64, u64), Timer>,
    pub(crate) next_timer: u64,
    pub(crate) inbox: VecDeque<(u32, String)>,
    pub(crate) inbox_bytes: usize,
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) next_request: u64,
    pub(crate) stored: VecDeque<(Request, StoreResult)>,
    pub(crate) known: Known,
    /// Who is about to come in, while the rules are asked.
    pub(crate) coming: Option<Player>,
    /// How it ends, from when it was said.
    pub(crate) ended: Option<Ended>,
    /// Where the scripts that run are from.
    pub(crate) home: Option<Home>,
    /// What was used of the limits of a tick.
    pub(crate) used: Used,
    /// Whether something was put somewhere since the last query, which is then worth more.
    pub(crate) is_changed: bool,
    /// Whether scripts have given orders since the last step, which are not to be seen in the world yet.
    pub(crate) has_ordered: bool,
    /// Ids that a query found, and bytes on their way into a buffer.
    pub(crate) found: Vec<EntityId>,
    pub(crate) bytes: Vec<u8>,
}

/// Names that a mode gives to numbers of its world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) attributes: BTreeMap<String, u8>,
    pub(crate) weapons: BTreeMap<String, u16>,
    pub(crate) behaviours: BTreeMap<String, u16>,
}

/// Where a match's scripts are: their machine, their globals, and the files that they have required.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) vm: Rc<Vm>,
    pub(crate) globals: Table,
    pub(crate) modules: Table,
}

/// Who plays, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) player: Player,
    pub(crate) team: u16,
    pub(crate) is_away: bool,
    /// Messages that wait.
    pub(crate) messages: usize,
}

/// A callback that is due at a tick.
#[derive(Clone, Debug)]
pub(crate) struct Timer {
    pub(crate) callback: String,
    /// What it is given, as [`crate::plain`] writes it.
    pub(crate) data: Vec<u8>,
    /// Ticks until it is due again; 0 is never.
    pub(crate) every: u64,
}

/// A request to the store that waits for its result.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) action: &'static str,
    /// 0 is the mode's.
    pub(crate) player: u32,
    pub(crate) key: String,
    pub(crate) tag: String,
    /// Whose it is and what is to be written, until it is answered.
    pub(crate) write: Option<(StoreScope, StoreAction)>,
}

/// What was used in a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) log_lines: u32,
    pub(crate) messages: u32,
    pub(crate) inputs: u32,
}

/// The generator of a match: SplitMix64, whose one word of state is saved with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Other numbers than the world draws from the same seed.
        Self(fold(0x5c71_9a1e_d0c5_11b7, seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to below 1, in steps of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low);
        let word = self.next();
        let off = match u32::try_from(span).ok().and_then(|span| span.checked_add(1)) {
            Some(bound) => u64::from(below(word, bound)),
            None if span == u64::MAX => word,
            None => word % (span + 1),
        };
        low.wrapping_add_unsigned(off)
    }
}

impl Stage {
    pub(crate) fn new(id: &str, mode: &str, version: &str, seed: u64, limits: &Limits) -> Self {
        Self {
            id: id.into(),
            version: version.into(),
            mode: mode.into(),
            limits: limits.clone(),
            settings: MatchSettings::default(),
            names: Names::default(),
            world: None,
            recorder: None,
            outputs: VecDeque::new(),
            random: Random::new(seed),
            members: BTreeMap::new(),
            timers: BTreeMap::new(),
            next_timer: 1,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            requests: BTreeMap::new(),
            next_request: 1,
            stored: VecDeque::new(),
            known: Known::default(),
            coming: None,
            ended: None,
            home: None,
            used: Used::default(),
            is_changed: false,
            has_ordered: false,
            found: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The world.
    ///
    /// # Errors
    /// While there is none.
    pub(crate) fn world(&mut self) -> mlua::Result<&mut World> {
        self.world.as_mut().ok_or_else(no_world)
    }

    /// Gives the world an input and records it.
    ///
    /// # Errors
    /// While there is no world; the world's own answer is inside.
    pub(crate) fn apply(&mut self, input: &Input) -> mlua::Result<Result<Applied, InputError>> {
        let world = self.world.as_mut().ok_or_else(no_world)?;
        self.used.inputs += 1;
        self.is_changed |= !matches!(input, Input::Command(_));
        Ok(match &mut self.recorder {
            Some(recorder) => recorder.apply(world, input),
            None => world.apply(input),
        })
    }

    /// Gives the world a command, as [`Self::apply`] does: by far the most of what scripts give it.
    ///
    /// # Errors
    /// While there is no world; the world's own answer is inside.
    pub(crate) fn command(&mut self, command: Command) -> mlua::Result<Result<(), InputError>> {
        let world = self.world.as_mut().ok_or_else(no_world)?;
        self.used.inputs += 1;
        self.has_ordered = true;
        Ok(match &mut self.recorder {
            Some(recorder) => recorder.apply(world, &Input::Command(command)).map(|_| ()),
            None => world.command(command).map_err(InputError::Command),
        })
    }

    /// What a query is worth, in safepoints: it may look at every entity, and after a change it puts them in order anew.
    pub(crate) fn looks(&mut self) -> u64 {
        /// Entities that are looked at, or put in order, in the time of a safepoint.
        const LOOKED_AT: u64 = 64;
        const ORDERED: u64 = 8;
        let entities = self.world.as_ref().map_or(0, |world| u64::from(world.entity_count()));
        let each = if std::mem::take(&mut self.is_changed) { ORDERED } else { LOOKED_AT };
        entities / each
    }

    /// The tick that comes, from 0.
    pub(crate) fn tick(&self) -> u64 {
        self.world.as_ref().map_or(0, World::tick)
    }

    /// Puts something out.
    ///
    /// # Errors
    /// When too much waits.
    pub(crate) fn put_out(&mut self, output: Output) -> mlua::Result<()> {
        if self.outputs.len() >= self.limits.outputs_max {
            return Err(mlua::Error::runtime("too much waits to be given out: nobody takes what this match says"));
        }
        self.outputs.push_back(output);
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When it is too long, or too many were sent in this tick.
    pub(crate) fn send(&mut self, to: To, bytes: Vec<u8>) -> mlua::Result<()> {
        let most = self.limits.message_bytes_max;
        if bytes.len() > most {
            let length = bytes.len();
            return Err(mlua::Error::runtime(format!("a message has at most {most} bytes; this one has {length}")));
        }
        self.used.messages += 1;
        if self.used.messages > self.limits.messages_per_tick {
            let most = self.limits.messages_per_tick;
            return Err(mlua::Error::runtime(format!("a match may send {most} messages in a tick")));
        }
        self.put_out(Output::Message { to, bytes })
    }

    /// Writes to the log. What goes beyond the limits is cut or left out.
    pub(crate) fn log(&mut self, level: LogLevel, mut text: String) {
        let most = self.limits.log_lines_per_tick;
        self.used.log_lines = self.used.log_lines.saturating_add(1);
        let line = self.used.log_lines;
        if line > most + 1 || self.outputs.len() >= self.limits.outputs_max {
            return;
        }
        if line == most + 1 {
            text = format!("more than {most} lines in a tick; the others of this tick are left out");
        }
        let bytes_max = self.limits.log_line_bytes_max;
        if text.len() > bytes_max {
            let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            text.push_str("...");
        }
        // A line is one line, whatever was written.
        let text = text.replace(|c: char| c.is_control(), " ");
        self.outputs.push_back(Output::Log { level, text, version: self.version.to_string() });
    }

    /// Reports an error of a script.
    pub(crate) fn report(&mut self, error: Box<ScriptError>) {
        // The last place is kept for the end of the match.
        if self.outputs.len() + 1 < self.limits.outputs_max {
            self.outputs.push_back(Output::ScriptError(error));
        }
    }

    /// Ends the match. The first end counts.
    pub(crate) fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    /// Asks the store.
    ///
    /// # Errors
    /// When the player is not here, the key cannot be, or too many requests wait.
    pub(crate) fn ask_store(&mut self, player: u32, action: StoreAction, tag: String) -> mlua::Result<u64> {
        const KEY_BYTES_MAX: usize = 128;
        let (name, key) = match &action {
            StoreAction::Get { key } => ("get", key.clone()),
            StoreAction::Set { key, .. } => ("set", key.clone()),
            StoreAction::Add { key, .. } => ("add", key.clone()),
            StoreAction::Delete { key } => ("delete", key.clone()),
        };
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) || tag.len() > KEY_BYTES_MAX {
            return Err(mlua::Error::runtime("a key has 1 to 128 bytes, a tag at most 128"));
        }
        let scope = self.scope_of(player)?;
        // Answers that nobody has heard yet take room, too.
        if self.requests.len() + self.stored.len() >= self.limits.store_requests_max {
            let most = self.limits.store_requests_max;
            return Err(mlua::Error::runtime(format!(
                "at most {most} requests to the store may wait for their results"
            )));
        }
        let id = self.next_request;
        let is_write = !matches!(action, StoreAction::Get { .. });
        let write = is_write.then(|| (scope.clone(), action.clone()));
        self.put_out(Output::Store(StoreRequest { id, scope, action }))?;
        self.next_request += 1;
        self.requests.insert(id, Request { id, action: name, player, key, tag, write });
        Ok(id)
    }

    /// What there is under a key as far as it is known, with what is on its way.
    ///
    /// # Errors
    /// When the player is not here, or the store was not read.
    pub(crate) fn known(&self, player: u32, key: &str) -> mlua::Result<Option<Value>> {
        let (scope, values) = self.known_of(player)?;
        let writes = self.writes(&scope).filter(|(of, _)| *of == key);
        Ok(writes.fold(values.get(key).cloned(), |before, (_, action)| after(before, action)))
    }

    /// The keys under which there is something.
    ///
    /// # Errors
    /// As those of [`Self::known`].
    pub(crate) fn known_keys(&self, player: u32) -> mlua::Result<Vec<String>> {
        let (scope, values) = self.known_of(player)?;
        let mut keys: BTreeSet<&str> = values.keys().map(String::as_str).collect();
        for (key, action) in self.writes(&scope) {
            if matches!(action, StoreAction::Delete { .. }) {
                keys.remove(key)
            } else {
                keys.insert(key)
            };
        }
        Ok(keys.into_iter().map(str::to_owned).collect())
    }

    fn known_of(&self, player: u32) -> mlua::Result<(StoreScope, &StoredValues)> {
        let scope = self.scope_of(player)?;
        let values = self.known.of(&scope).ok_or_else(|| {
            let whose = if player == 0 { "the mode".into() } else { format!("player {player}") };
            mlua::Error::runtime(format!(
                "the values of {whose} are not read yet: the store is asked again; store.get asks for one"
            ))
        })?;
        Ok((scope, values))
    }

    /// What the store was asked to write of somebody's, and has not answered yet, in its order.
    fn writes(&self, scope: &StoreScope) -> impl Iterator<Item = (&str, &StoreAction)> {
        let write = move |request: &'_ Request| request.write.as_ref().is_some_and(|(of, _)| of == scope);
        let of_scope = self.requests.values().filter(move |request| write(request));
        of_scope.filter_map(|request| Some((request.key.as_str(), &request.write.as_ref()?.1)))
    }

    /// Whose values those of a player are; 0 is the mode.
    ///
    /// # Errors
    /// When the player is not here.
    pub(crate) fn scope_of(&self, player: u32) -> mlua::Result<StoreScope> {
        if player == 0 {
            return Ok(StoreScope::Mode);
        }
        let member = self.members.get(&player).map(|member| &member.player);
        let player_of = member.or_else(|| self.coming.as_ref().filter(|coming| coming.number == player));
        let player_of =
            player_of.ok_or_else(|| mlua::Error::runtime(format!("player {player} is not in the match")))?;
        Ok(StoreScope::Player(player_of.id.clone()))
    }

    /// The store has answered.
    pub(crate) fn note_answer(&mut self, mut request: Request, result: StoreResult) {
        let write = request.write.take();
        if let StoreResult::Value(value) = &result
            && let Ok(scope) = write.map_or_else(|| self.scope_of(request.player), |(scope, _)| Ok(scope))
        {
            self.known.put(&scope, &request.key, value.clone());
        }
        self.stored.push_back((request, result));
    }
}

fn no_world() -> mlua::Error {
    mlua::Error::runtime("there is no world before match_init has returned; use match_start for what it begins with")
}

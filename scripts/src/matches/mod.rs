//! A match: a world, its rules, and who plays.

mod output;
mod rules;
mod save;
mod settings;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use muster_core::{
    Execution, Input, World,
    command::Command,
    replay::{Recorder, Settings as RecorderSettings},
};
use serde::de::IgnoredAny;
use serde_json::Value;

pub use output::{Ended, LogLevel, Output, StoreAction, StoreRequest, StoreResult, StoreScope, To};
pub use settings::MatchSettings;

use crate::{
    Host, ScriptError,
    binding::{Wanted, json_to_lua, player_table, read_settings},
    error::explain,
    plain,
    stage::{Member, Stage, Timer, Used},
    vm::Vm,
};
use rules::Rules;

/// Most bytes of a player's id and name.
const NAME_BYTES_MAX: usize = 64;
/// Most characters of the reason why a player is not let in.
const REASON_CHARS_MAX: usize = 256;
/// What the last calls of a tick may do whose budget is used up.
const TICK_BUDGET_LEFT: u64 = 1000;

/// What a match is opened with.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchOptions {
    /// Names it in logs and to its scripts.
    pub id: String,
    /// From which its randomness comes.
    pub seed: u64,
    /// What `match_init` is given.
    pub params: Value,
    /// How its world is worked on.
    pub execution: Execution,
}

/// Who plays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Player {
    /// Who it is in the world, from 1: the owner of its entities.
    pub number: u32,
    /// Who it is everywhere, at most 64 bytes.
    pub id: String,
    /// For people, at most 64 bytes.
    pub name: String,
    /// Whether nobody sits there.
    pub is_bot: bool,
}

/// Why a player left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaveReason {
    /// It wanted to.
    Left,
    /// It was away for too long.
    Lost,
    /// It had to.
    Kicked,
    /// The match or the server ends.
    Closing,
}

/// Why a player does not come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinRefusal {
    /// The match has `players_max`.
    Full,
    /// The number is 0 or somebody's already, or a name is too long.
    Player,
    /// The match is over.
    Ended,
    /// What the script said.
    Script(String),
    /// The script failed; the error is among the outputs.
    Failed,
}

/// Why a message of a player is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageRefusal {
    /// It is longer than [`crate::Limits::message_bytes_max`].
    TooLong,
    /// It is no JSON text.
    NotJson,
    /// Too many wait already.
    TooMany,
    /// The player is not in the match.
    NoPlayer,
    /// The match is over.
    Ended,
}

/// Why a saved match cannot go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RestoreError {
    /// The bytes are none of a match, or of another version of the form; why.
    Bytes(&'static str),
    /// The world's snapshot is refused; why.
    World(String),
    /// The match is of another mode.
    Mode(String),
    /// The scripts failed.
    Script(Box<ScriptError>),
}

/// What a tick came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StepReport {
    /// The tick that was made.
    pub tick: u64,
    /// How many safepoints the scripts passed.
    pub script_work: u64,
    /// How many calls of scripts failed.
    pub script_errors: u32,
    /// How many of those were stopped because they did too much.
    pub script_kills: u32,
    /// How many inputs the scripts gave the world.
    pub inputs: u32,
    /// Commands of players that were not passed on, since those are not in the match.
    pub commands_refused: u32,
    /// Whether the match is over.
    pub has_ended: bool,
}

/// A match.
pub struct Match {
    rules: Rules,
    /// There but for the time that a call into the scripts takes.
    stage: Option<Box<Stage>>,
    /// What is left of the budget of the tick.
    tick_budget: u64,
    /// Ticks in a row in which a script failed.
    failing_ticks: u64,
    /// What went wrong since the last tick, when messages were heard at once.
    failed: Option<Box<ScriptError>>,
    report: StepReport,
    has_told_end: bool,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self { id: String::new(), seed: 1, params: Value::Null, execution: Execution::default() }
    }
}

impl Match {
    pub(crate) fn open(vm: &Rc<Vm>, options: &MatchOptions) -> Result<Self, Box<ScriptError>> {
        let bundle = &vm.bundle;
        let new = Stage::new(&options.id, bundle.name(), bundle.version(), options.seed, &vm.limits);
        let mut stage = Some(Box::new(new));
        let mut rules = Rules::load(vm, &mut stage)?;
        let returned = rules.init(&mut stage, |lua| {
            let context = lua.create_table()?;
            context.raw_set("match_id", options.id.as_str())?;
            context.raw_set("mode", bundle.name())?;
            context.raw_set("version", bundle.version())?;
            Ok((context, json_to_lua(lua, &options.params)?))
        })?;
        let mut returned = returned.into_iter();
        let (first, second) = (returned.next(), returned.next());
        let is_nakama = second.as_ref().is_some_and(|second| second.is_number() || second.is_integer());
        let (wanted, _) = rules.enter(&mut stage, "match_init", vm.limits.call_budget, |lua| {
            if is_nakama {
                return nakama_settings(lua, first, second, returned.next(), options.seed, &vm.limits);
            }
            let Some(mlua::Value::Table(table)) = first else {
                let message = "match_init must return a table that says what the match is: { tick_rate = 20, ... }";
                return Err(mlua::Error::runtime(message));
            };
            read_settings(lua, &table, options.seed, &vm.limits)
        });
        let wanted = wanted?;
        if is_nakama {
            rules.adapt(&mut stage)?;
        }
        let world = World::new(wanted.config, bundle.map().cloned(), options.execution)
            .map_err(|error| ScriptError::of(&format!("match_init: {error}"), bundle.version()))?;
        let mut new = Self::of(rules, stage);
        let stage = new.stage_mut();
        (stage.settings, stage.names, stage.world) = (wanted.settings, wanted.names, Some(world));
        for missing in crate::nakama::missing(bundle) {
            stage.log(LogLevel::Warn, missing.to_string());
        }
        let state = wanted.state.map_or_else(|| vm.lua.create_table(), Ok);
        let state = state.and_then(|state| new.rules.set_state(state));
        state.map_err(|error| explain(&error, "match_init", bundle.version()))?;
        let (started, _) = new.rules.call(&mut new.stage, "match_start", vm.limits.open_budget, |_| Ok(()));
        started?;
        new.tell_end();
        Ok(new)
    }

    fn of(rules: Rules, stage: Option<Box<Stage>>) -> Self {
        let tick_budget = rules.vm.limits.tick_budget;
        Self {
            rules,
            stage,
            tick_budget,
            failing_ticks: 0,
            failed: None,
            report: StepReport::default(),
            has_told_end: false,
        }
    }

    pub(crate) fn restore(vm: &Rc<Vm>, bytes: &[u8], options: &MatchOptions) -> Result<Self, RestoreError> {
        let parts = save::read(bytes)?;
        let bundle = &vm.bundle;
        let head = parts.head;
        if head.mode != bundle.name() {
            return Err(RestoreError::Mode(head.mode));
        }
        let world = World::restore(parts.world, bundle.map().cloned(), options.execution)
            .map_err(|error| RestoreError::World(error.to_string()))?;
        let id = if options.id.is_empty() { head.id.clone() } else { options.id.clone() };
        let mut new = Stage::new(&id, bundle.name(), bundle.version(), 0, &vm.limits);
        new.world = Some(world);
        let (is_nakama, version) = (head.is_nakama, head.version.clone());
        head.put_on(&mut new);
        // Whoever was asked is not there any more.
        for (_, request) in std::mem::take(&mut new.requests) {
            new.stored.push_back((request, StoreResult::Failed("the server was restarted".into())));
        }
        let mut stage = Some(Box::new(new));
        let mut rules = Rules::load(vm, &mut stage).map_err(RestoreError::Script)?;
        if is_nakama {
            rules.adapt(&mut stage).map_err(RestoreError::Script)?;
        }
        let mut new = Self::of(rules, stage);
        new.take_state(parts.state, (version != bundle.version()).then_some(version)).map_err(RestoreError::Script)?;
        Ok(new)
    }

    /// What it is.
    pub fn settings(&self) -> &MatchSettings {
        &self.stage().settings
    }

    /// What names it.
    pub fn id(&self) -> &str {
        &self.stage().id
    }

    /// Its world.
    pub fn world(&self) -> &World {
        self.stage().world.as_ref().expect("a match that was opened has a world")
    }

    /// Its world, for asking; what changes it has to go through the match, so that it is recorded.
    pub fn world_mut(&mut self) -> &mut World {
        self.stage_mut().world.as_mut().expect("a match that was opened has a world")
    }

    /// The bundle's version.
    pub fn version(&self) -> &str {
        &self.stage().version
    }

    /// Who plays, by number.
    pub fn players(&self) -> impl Iterator<Item = &Player> {
        self.stage().members.values().map(|member| &member.player)
    }

    /// The side of a player; 0 is none.
    pub fn team(&self, number: u32) -> u16 {
        self.stage().members.get(&number).map_or(0, |member| member.team)
    }

    /// Whether a player is away.
    pub fn is_away(&self, number: u32) -> bool {
        self.stage().members.get(&number).is_some_and(|member| member.is_away)
    }

    /// Whether it is over, and how it ended.
    pub fn ended(&self) -> Option<&Ended> {
        self.stage().ended.as_ref()
    }

    /// How many bytes its scripts hold.
    pub fn memory_bytes(&self) -> usize {
        self.rules.bytes()
    }

    /// Asks whether a player may come in; nothing changes but what the script does.
    ///
    /// # Errors
    /// Why not.
    pub fn join_attempt(&mut self, player: &Player, metadata: &Value) -> Result<(), JoinRefusal> {
        self.may_join(player)?;
        let member = Member { player: player.clone(), ..Member::default() };
        let returned =
            self.call("match_join_attempt", |lua| Ok((player_table(lua, &member)?, json_to_lua(lua, metadata)?)));
        let Ok(returned) = returned else { return Err(JoinRefusal::Failed) };
        let mut returned = returned.unwrap_or_default().into_iter();
        // Who says nothing lets everybody in.
        if returned.next().is_none_or(|accept| accept.is_nil() || accept.as_boolean() == Some(true)) {
            return Ok(());
        }
        let reason = returned.next().and_then(|reason| reason.to_string().ok());
        let reason = reason.filter(|reason| reason != "nil").unwrap_or_else(|| "the match does not let you in".into());
        Err(JoinRefusal::Script(reason.chars().take(REASON_CHARS_MAX).collect()))
    }

    /// A player comes in. It was let in by [`Self::join_attempt`].
    ///
    /// # Errors
    /// When it cannot be.
    pub fn join(&mut self, player: &Player) -> Result<(), JoinRefusal> {
        self.may_join(player)?;
        let member = Member { player: player.clone(), ..Member::default() };
        self.stage_mut().members.insert(player.number, member.clone());
        // A failure is among the outputs; the player is in all the same.
        self.notify("match_join", |lua| player_table(lua, &member));
        Ok(())
    }

    fn may_join(&self, player: &Player) -> Result<(), JoinRefusal> {
        let stage = self.stage();
        if stage.ended.is_some() {
            return Err(JoinRefusal::Ended);
        }
        let is_taken = stage.members.contains_key(&player.number);
        if player.number == 0 || is_taken || player.id.len() > NAME_BYTES_MAX || player.name.len() > NAME_BYTES_MAX {
            return Err(JoinRefusal::Player);
        }
        if stage.members.len() >= stage.settings.players_max as usize {
            return Err(JoinRefusal::Full);
        }
        Ok(())
    }

    /// A player leaves for good.
    pub fn leave(&mut self, number: u32, reason: LeaveReason) {
        let Some(member) = self.stage().members.get(&number).cloned() else { return };
        if member.is_away {
            self.away(number, false);
        }
        if self.stage().ended.is_none() {
            let reason = match reason {
                LeaveReason::Left => "left",
                LeaveReason::Lost => "lost",
                LeaveReason::Kicked => "kicked",
                LeaveReason::Closing => "closing",
            };
            self.notify("match_leave", |lua| Ok((player_table(lua, &member)?, reason)));
        }
        let stage = self.stage_mut();
        stage.members.remove(&number);
        let bytes: usize = stage.inbox.iter().filter(|(player, _)| *player == number).map(|(_, text)| text.len()).sum();
        stage.inbox_bytes -= bytes;
        stage.inbox.retain(|(player, _)| *player != number);
    }

    /// A player is away, and the behaviour of the settings commands its entities; or it is there again.
    pub fn away(&mut self, number: u32, is_away: bool) {
        let stage = self.stage_mut();
        let behaviour = stage.settings.away_behaviour;
        let Some(member) = stage.members.get_mut(&number).filter(|member| member.is_away != is_away) else { return };
        member.is_away = is_away;
        let member = member.clone();
        if behaviour > 0 {
            let taken = Input::TakeOver { player: number, behaviour };
            let input = if is_away { taken } else { Input::HandBack { player: number } };
            // The behaviour was checked with the settings, so that the world takes it.
            _ = stage.apply(&input);
        }
        if self.stage().ended.is_none() {
            self.notify("match_away", |lua| Ok((player_table(lua, &member)?, is_away)));
        }
    }

    /// Takes a message of a player, which the next tick is given.
    ///
    /// # Errors
    /// Why not.
    pub fn message(&mut self, number: u32, data: &[u8]) -> Result<(), MessageRefusal> {
        let stage = self.stage_mut();
        if stage.ended.is_some() {
            return Err(MessageRefusal::Ended);
        }
        if data.len() > stage.limits.message_bytes_max {
            return Err(MessageRefusal::TooLong);
        }
        let text = str::from_utf8(data).ok().filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let text = text.ok_or(MessageRefusal::NotJson)?;
        let bytes = stage.inbox_bytes + text.len();
        let most = stage.limits.inbox_messages_max;
        let member = stage.members.get_mut(&number).ok_or(MessageRefusal::NoPlayer)?;
        if member.messages >= most || bytes > stage.limits.inbox_bytes_max {
            return Err(MessageRefusal::TooMany);
        }
        member.messages += 1;
        stage.inbox_bytes = bytes;
        stage.inbox.push_back((number, text.to_owned()));
        Ok(())
    }

    /// Something from outside for the script, and its answer.
    ///
    /// # Errors
    /// When the script fails.
    pub fn signal(&mut self, data: &str) -> Result<String, Box<ScriptError>> {
        let returned = self.call("match_signal", |lua| lua.create_string(data))?;
        let reply = returned.and_then(|returned| returned.into_iter().next());
        Ok(reply.filter(|reply| !reply.is_nil()).and_then(|reply| reply.to_string().ok()).unwrap_or_default())
    }

    /// Tells the script that the match ends in so many seconds; with 0 it ends now.
    pub fn terminate(&mut self, grace_seconds: u32) {
        if self.stage().ended.is_some() {
            return;
        }
        self.notify("match_terminate", |_| Ok(grace_seconds));
        if grace_seconds == 0 {
            self.stage_mut().end(Ended { reason: "terminated".into(), result: Value::Null, error: None });
            self.tell_end();
        }
    }

    /// Makes one tick: the commands of players, which are taken out of `inputs`, the rules, the world. A match that is over
    /// stands still.
    pub fn step(&mut self, inputs: &mut Vec<(u32, Command)>) -> StepReport {
        self.report = StepReport::default();
        let stage = self.stage_mut();
        if stage.ended.is_some() {
            inputs.clear();
            return StepReport { tick: stage.tick(), has_ended: true, ..StepReport::default() };
        }
        stage.used = Used::default();
        let mut refused = 0;
        for (player, command) in inputs.drain(..) {
            if stage.members.contains_key(&player) {
                // What the world refuses is an event of the tick.
                _ = stage.apply(&Input::Command(Command { player, ..command }));
            } else {
                refused += 1;
            }
        }
        self.tick_budget = self.rules.vm.limits.tick_budget;
        let failed = self.run_rules();
        let stage = self.stage_mut();
        let inputs = stage.used.inputs;
        _ = stage.apply(&Input::Step);
        let tick = stage.tick();
        if let Some(error) = failed {
            self.count_failure(error);
        } else {
            self.failing_ticks = 0;
        }
        self.tell_end();
        let has_ended = self.stage().ended.is_some();
        StepReport { tick, inputs, commands_refused: refused, has_ended, ..self.report }
    }

    /// What scripts do in a tick: results of the store, timers, the loop. The last error, if there was one.
    fn run_rules(&mut self) -> Option<Box<ScriptError>> {
        let mut failed = self.failed.take();
        while let Some((request, result)) = self.stage_mut().stored.pop_front() {
            let told = self.call("match_stored", |lua| {
                let table = lua.create_table()?;
                table.raw_set("id", request.id)?;
                table.raw_set("action", request.action)?;
                table.raw_set("player", request.player)?;
                table.raw_set("key", request.key.as_str())?;
                table.raw_set("tag", request.tag.as_str())?;
                match &result {
                    StoreResult::Value(value) => {
                        table.raw_set("ok", true)?;
                        if let Some(value) = value {
                            table.raw_set("value", json_to_lua(lua, value)?)?;
                        }
                    }
                    StoreResult::Failed(why) => {
                        table.raw_set("ok", false)?;
                        table.raw_set("error", why.as_str())?;
                    }
                }
                Ok(table)
            });
            failed = self.keep_state(told).err().or(failed);
        }
        let tick = self.stage().tick();
        while let Some((key, timer)) = self.next_timer(tick) {
            if timer.every > 0 {
                // Before it is called, so that it may cancel itself.
                self.stage_mut().timers.insert((tick + timer.every, key.1), timer.clone());
            }
            let Timer { callback, data, .. } = timer;
            let told = self.call(&callback, |lua| plain::decode(lua, &data));
            failed = match told {
                Ok(None) => {
                    let message = format!("rules.lua has no function `{callback}`, which a timer is to call");
                    let error = Box::new(ScriptError::of(&message, self.version()));
                    self.stage_mut().report(error.clone());
                    Some(error)
                }
                told => self.keep_state(told).err().or(failed),
            };
        }
        self.run_loop().or(failed)
    }

    /// Gives the loop the messages that have come. The error, if there was one.
    fn run_loop(&mut self) -> Option<Box<ScriptError>> {
        let stage = self.stage_mut();
        let tick = stage.tick();
        let messages = std::mem::take(&mut stage.inbox);
        stage.inbox_bytes = 0;
        for member in stage.members.values_mut() {
            member.messages = 0;
        }
        let told = self.call("match_loop", |lua| {
            let list = lua.create_table_with_capacity(messages.len(), 0)?;
            for (player, text) in &messages {
                let message = lua.create_table_with_capacity(0, 2)?;
                message.raw_set("player", *player)?;
                message.raw_set("text", text.as_str())?;
                list.raw_push(message)?;
            }
            Ok((tick, list))
        });
        self.keep_state(told).err()
    }

    /// Has the rules hear the messages that wait, between two ticks, if they want to ([`MatchSettings::at_once`]). Whatever
    /// they do counts towards the limits of the coming tick.
    pub fn hear(&mut self) -> StepReport {
        self.report = StepReport::default();
        let stage = self.stage();
        let tick = stage.tick();
        // A tick whose budget is mostly used has no more than that: what comes then waits for the next one, and is not lost to a
        // call that is stopped in the middle of it.
        let is_spent = self.tick_budget < self.rules.vm.limits.tick_budget / 2;
        if stage.ended.is_some() || !stage.settings.at_once || stage.inbox.is_empty() || is_spent {
            return StepReport { tick, has_ended: stage.ended.is_some(), ..StepReport::default() };
        }
        // A match that fails at each message fails a tick for it.
        let failed = self.run_loop();
        self.failed = failed.or_else(|| self.failed.take());
        self.tell_end();
        StepReport { tick, has_ended: self.stage().ended.is_some(), ..self.report }
    }

    fn next_timer(&mut self, tick: u64) -> Option<((u64, u64), Timer)> {
        let timers = &mut self.stage_mut().timers;
        let due = timers.first_key_value().is_some_and(|((at, _), _)| *at <= tick);
        if due { timers.pop_first() } else { None }
    }

    /// A match whose scripts fail for long enough ends.
    fn count_failure(&mut self, error: Box<ScriptError>) {
        self.failing_ticks += 1;
        let stage = self.stage_mut();
        let (rate, most) = (u64::from(stage.settings.tick_rate_hz), u64::from(stage.limits.failing_ms_max));
        if self.failing_ticks * 1000 >= most * rate {
            let reason = "script_failed".into();
            self.stage_mut().end(Ended { reason, result: Value::Null, error: Some(error) });
        }
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.stage_mut().outputs.pop_front()
    }

    /// What came of a request to the store; the next tick is told. Answers to nothing are left out.
    pub fn handle_stored(&mut self, id: u64, result: StoreResult) {
        let stage = self.stage_mut();
        if let Some(request) = stage.requests.remove(&id) {
            stage.stored.push_back((request, result));
        }
    }

    /// Goes on with the rules of another host, mostly of a newer bundle of the same mode. It changes at once, between two
    /// ticks; the world and what the match is stay.
    ///
    /// # Errors
    /// When the new rules fail, or the state cannot be moved; the old rules go on.
    pub(crate) fn reload_on(&mut self, vm: &Rc<Vm>) -> Result<(), Box<ScriptError>> {
        let state = self.saved_state()?;
        let is_nakama = self.rules.is_nakama;
        let before = self.stage().home.clone();
        let (old_version, old_limits) = (self.stage().version.clone(), self.stage().limits.clone());
        let stage = self.stage_mut();
        (stage.version, stage.limits) = (vm.bundle.version().into(), vm.limits.clone());
        let old_version_text = old_version.to_string();
        let mut loaded = Rules::load(vm, &mut self.stage);
        if is_nakama {
            loaded = loaded.and_then(|mut rules| rules.adapt(&mut self.stage).map(|()| rules));
        }
        let result = loaded.and_then(|rules| {
            let old = std::mem::replace(&mut self.rules, rules);
            self.take_state(&state, Some(old_version_text)).inspect_err(|_| _ = std::mem::replace(&mut self.rules, old))
        });
        match result {
            Ok(()) => self.failing_ticks = 0,
            Err(_) => {
                let stage = self.stage_mut();
                (stage.home, stage.version, stage.limits) = (before, old_version, old_limits);
            }
        }
        result
    }

    /// Goes on with the rules of another host, mostly of a newer bundle of the same mode. It changes at once, between two
    /// ticks; the world and what the match is stay.
    ///
    /// # Errors
    /// When the new rules fail, or the state cannot be moved; the old rules go on.
    pub fn reload(&mut self, host: &Host) -> Result<(), Box<ScriptError>> {
        self.reload_on(host.vm())
    }

    /// Makes saved bytes the state; rules of another version than those that wrote them are asked.
    fn take_state(&mut self, bytes: &[u8], from: Option<String>) -> Result<(), Box<ScriptError>> {
        let (budget, version) = (self.rules.vm.limits.open_budget, self.rules.vm.bundle.version().to_owned());
        let (state, _) = self.rules.enter(&mut self.stage, "on_reload", budget, |lua| plain::decode(lua, bytes));
        let mlua::Value::Table(state) = state? else {
            return Err(Box::new(ScriptError::of("the saved state is no table", &version)));
        };
        let set = |rules: &mut Rules, state| {
            rules.set_state(state).map_err(|error| Box::new(explain(&error, "on_reload", &version)))
        };
        set(&mut self.rules, state)?;
        if let Some(from) = from {
            let (returned, _) = self.rules.call(&mut self.stage, "on_reload", budget, |_| Ok(from));
            if let Some(mlua::Value::Table(state)) = returned?.and_then(|returned| returned.into_iter().next()) {
                set(&mut self.rules, state)?;
            }
        }
        Ok(())
    }

    /// Records what the world is given from now on.
    pub fn record(&mut self, settings: RecorderSettings) {
        let recorder = Recorder::new(self.world(), settings);
        self.stage_mut().recorder = Some(recorder);
    }

    /// The recording, whose bytes the host takes.
    pub fn recording_mut(&mut self) -> Option<&mut Recorder> {
        self.stage_mut().recorder.as_mut()
    }

    /// Appends the match as bytes: the world, the script's state, who plays, what waits.
    ///
    /// # Errors
    /// When the script's state has something that cannot be saved; where.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), Box<ScriptError>> {
        let state = self.saved_state()?;
        save::write(self.stage(), self.rules.is_nakama, &state, out);
        Ok(())
    }

    fn saved_state(&self) -> Result<Vec<u8>, Box<ScriptError>> {
        let mut bytes = Vec::new();
        let state = mlua::Value::Table(self.rules.state().clone());
        let most = self.rules.vm.limits.state_bytes_max;
        let encoded = catch_unwind(AssertUnwindSafe(|| plain::encode(&state, most, &mut bytes)));
        let refused = |message: String| {
            let hint = "keep plain data in self: numbers, strings, booleans, buffers and tables of them";
            let message = format!("the match cannot be saved: {message}");
            Box::new(ScriptError { hint: hint.into(), ..ScriptError::of(&message, self.version()) })
        };
        match encoded {
            Ok(result) => result.map(|()| bytes).map_err(refused),
            Err(_) => Err(refused("its machine broke".into())),
        }
    }

    /// Calls a callback of the rules, counts what it took and reports what went wrong.
    fn call<A: mlua::IntoLuaMulti>(
        &mut self,
        callback: &str,
        arguments: impl FnOnce(&mlua::Lua) -> mlua::Result<A>,
    ) -> Result<Option<mlua::MultiValue>, Box<ScriptError>> {
        let budget = self.rules.vm.limits.call_budget.min(self.tick_budget.max(TICK_BUDGET_LEFT));
        let (result, work) = self.rules.call(&mut self.stage, callback, budget, arguments);
        self.tick_budget = self.tick_budget.saturating_sub(work.safepoints);
        self.report.script_work += work.safepoints;
        if let Err(error) = &result {
            self.report.script_errors += 1;
            self.report.script_kills += u32::from(error.is_killed);
            self.stage_mut().report(error.clone());
        }
        result
    }

    /// Calls a callback that may return another state, outside of a tick.
    fn notify<A: mlua::IntoLuaMulti>(&mut self, callback: &str, arguments: impl FnOnce(&mlua::Lua) -> mlua::Result<A>) {
        self.tick_budget = self.rules.vm.limits.tick_budget;
        let told = self.call(callback, arguments);
        _ = self.keep_state(told);
        self.tell_end();
    }

    /// Takes a table that a callback returned for the state; nil keeps it.
    fn keep_state(&mut self, told: Result<Option<mlua::MultiValue>, Box<ScriptError>>) -> Result<(), Box<ScriptError>> {
        if let Some(mlua::Value::Table(state)) = told?.and_then(|returned| returned.into_iter().next())
            && state != *self.rules.state()
        {
            let version = self.version().to_owned();
            self.rules.set_state(state).map_err(|error| Box::new(explain(&error, "", &version)))?;
        }
        Ok(())
    }

    /// Puts the end out once, after everything else.
    fn tell_end(&mut self) {
        let has_told = self.has_told_end;
        let stage = self.stage_mut();
        if let Some(ended) = stage.ended.clone().filter(|_| !has_told) {
            stage.outputs.push_back(Output::Ended(ended));
            self.has_told_end = true;
        }
    }

    fn stage(&self) -> &Stage {
        self.stage.as_deref().expect("the stage is here but for calls into the scripts")
    }

    fn stage_mut(&mut self) -> &mut Stage {
        self.stage.as_deref_mut().expect("the stage is here but for calls into the scripts")
    }
}

/// The settings of a match handler of Nakama's.
fn nakama_settings(
    lua: &mlua::Lua,
    state: Option<mlua::Value>,
    tick_rate: Option<mlua::Value>,
    label: Option<mlua::Value>,
    seed: u64,
    limits: &crate::Limits,
) -> mlua::Result<Wanted> {
    let table = lua.create_table()?;
    table.raw_set("tick_rate", tick_rate)?;
    table.raw_set("label", label)?;
    table.raw_set("players_max", limits.players_max)?;
    let outer = lua.create_table()?;
    outer.raw_set("state", state)?;
    table.raw_set("state", outer)?;
    read_settings(lua, &table, seed, limits)
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the match is full",
            Self::Player => "the player's number, id or name cannot be",
            Self::Ended => "the match is over",
            Self::Script(reason) => reason,
            Self::Failed => "the mode's rules failed",
        })
    }
}

impl fmt::Display for MessageRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the message is too long",
            Self::NotJson => "the message is no JSON text",
            Self::TooMany => "too many messages wait already",
            Self::NoPlayer => "the player is not in the match",
            Self::Ended => "the match is over",
        })
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(why) => write!(f, "these are not the bytes of a match: {why}"),
            Self::World(why) => write!(f, "the world cannot be restored: {why}"),
            Self::Mode(mode) => write!(f, "the match is of the mode {mode}"),
            Self::Script(error) => write!(f, "the scripts fail: {error}"),
        }
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match").field("world", &self.world()).finish_non_exhaustive()
    }
}

impl std::error::Error for JoinRefusal {}
impl std::error::Error for MessageRefusal {}
impl std::error::Error for RestoreError {}

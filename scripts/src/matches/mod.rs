//! A match: a world, its rules, and who plays.

mod moving;
mod output;
mod players;
mod rules;
mod save;
mod settings;
mod tick;

use std::{
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::{Duration, Instant},
};

use muster_core::{
    Execution, World,
    map::Map,
    replay::{Recorder, Settings as RecorderSettings},
};
use serde_json::Value;

pub use moving::RestoreError;
pub use output::{Ended, LogLevel, Output, StoreAction, StoreRequest, StoreResult, StoreScope, StoredValues, To};
pub use players::{JoinRefusal, LeaveReason, MessageRefusal, Player};
pub use settings::MatchSettings;
pub use tick::StepReport;

use crate::{
    ScriptError,
    binding::{Wanted, json_to_lua, read_settings},
    error::explain,
    known::Known,
    raw::Budget,
    stage::Stage,
    vm::Vm,
};
use rules::Rules;

/// What the last calls of a tick may do whose budget is used up.
const TICK_BUDGET_LEFT: u64 = 1000;

/// What a match is opened with.
#[derive(Clone, Debug)]
pub struct MatchOptions {
    /// Names it in logs and to its scripts.
    pub id: String,
    /// From which its randomness comes.
    pub seed: u64,
    /// What `match_init` is given.
    pub params: Value,
    /// How its world is worked on.
    pub execution: Execution,
    /// The map that a saved match has, if it is another than the bundle's by now.
    pub map: Option<Map>,
    /// Whether nobody waits for it on its thread. A match with a large world is not begun where somebody does: `match_start` is
    /// not called, and it is to be opened again elsewhere.
    pub is_alone: bool,
    /// What the store holds of the mode, and of the players of a saved match; whoever is not in here was not read.
    pub stored: BTreeMap<StoreScope, StoredValues>,
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
    script_time: Duration,
    has_told_end: bool,
}

impl Default for MatchOptions {
    /// A match by itself, of a mode that has kept nothing yet.
    fn default() -> Self {
        Self {
            id: String::new(),
            seed: 1,
            params: Value::Null,
            execution: Execution::default(),
            map: None,
            is_alone: true,
            stored: [(StoreScope::Mode, StoredValues::new())].into(),
        }
    }
}

impl Match {
    pub(crate) fn open(vm: &Rc<Vm>, options: &MatchOptions) -> Result<Self, Box<ScriptError>> {
        Self::begin(vm, options).map_err(|mut error| {
            // What is not there is the likely cause: it was used before anything could be said of it.
            let missing = crate::nakama::missing(&vm.bundle).into_iter().chain(crate::check::absent(&vm.bundle));
            let missing = missing.map(|missing| missing.message).take(8);
            let hints: Vec<String> = [std::mem::take(&mut error.hint)].into_iter().chain(missing).collect();
            error.hint = hints.into_iter().filter(|hint| !hint.is_empty()).collect::<Vec<_>>().join("; ");
            error
        })
    }

    fn begin(vm: &Rc<Vm>, options: &MatchOptions) -> Result<Self, Box<ScriptError>> {
        let bundle = &vm.bundle;
        let mut new = Stage::new(&options.id, bundle.name(), bundle.version(), options.seed, &vm.limits);
        new.known = Known::new(options.stored.clone());
        let mut stage = Some(Box::new(new));
        let mut rules = Rules::load(vm, &mut stage)?;
        let returned = rules.init(&mut stage, |lua| {
            let context = lua.create_table()?;
            context.raw_set("match_id", options.id.as_str())?;
            context.raw_set("mode", bundle.name())?;
            context.raw_set("version", bundle.version())?;
            if !crate::nakama::is_used(bundle) {
                return Ok((context, json_to_lua(lua, &options.params)?));
            }
            // Handlers look into both without asking whether there is anything.
            for (name, value) in [("execution_mode", "match"), ("match_node", ""), ("match_label", "")] {
                context.raw_set(name, value)?;
            }
            context.raw_set("match_tick_rate", 0)?;
            context.raw_set("env", lua.create_table()?)?;
            let params = match &options.params {
                Value::Null => mlua::Value::Table(lua.create_table()?),
                params => json_to_lua(lua, params)?,
            };
            Ok((context, params))
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
        wanted
            .settings
            .sync
            .validate(&world)
            .map_err(|error| ScriptError::of(&format!("match_init: sync: {error}"), bundle.version()))?;
        let mut new = Self::of(rules, stage);
        let stage = new.stage_mut();
        (stage.settings, stage.names, stage.world) = (wanted.settings, wanted.names, Some(world));
        for missing in crate::nakama::missing(bundle).into_iter().chain(crate::check::absent(bundle)) {
            stage.log(LogLevel::Warn, missing.to_string());
        }
        let state = wanted.state.map_or_else(|| vm.lua.create_table(), Ok);
        let state = state.and_then(|state| new.rules.set_state(state));
        state.map_err(|error| explain(&error, "match_init", bundle.version()))?;
        if options.is_alone || !new.settings().large {
            let budget = new.first_budget();
            let (started, _) = new.rules.call(&mut new.stage, "match_start", budget, |_| Ok(()));
            started?;
            new.tell_end();
        }
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
            script_time: Duration::ZERO,
            has_told_end: false,
        }
    }

    /// What may be done before the first tick: a match that has a thread of its own keeps nobody waiting.
    fn first_budget(&self) -> Budget {
        let safepoints = self.rules.vm.limits.open_budget;
        if self.settings().large { safepoints.into() } else { Budget::brief(safepoints) }
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

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.stage_mut().outputs.pop_front()
    }

    /// How long calls into the scripts have taken since the match was opened here, by the clock. Nothing of the match depends
    /// on it.
    pub const fn script_time(&self) -> Duration {
        self.script_time
    }

    /// What came of a request to the store; the next tick is told. Answers to nothing are left out.
    pub fn handle_stored(&mut self, id: u64, result: StoreResult) {
        let stage = self.stage_mut();
        if let Some(request) = stage.requests.remove(&id) {
            stage.note_answer(request, result);
        }
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

    /// Calls a callback of the rules, counts what it took and reports what went wrong.
    fn call<A: mlua::IntoLuaMulti>(
        &mut self,
        callback: &str,
        arguments: impl FnOnce(&mlua::Lua) -> mlua::Result<A>,
    ) -> Result<Option<mlua::MultiValue>, Box<ScriptError>> {
        let budget = self.rules.vm.limits.call_budget.min(self.tick_budget.max(TICK_BUDGET_LEFT));
        let begun = Instant::now();
        let (result, work) = self.rules.call(&mut self.stage, callback, budget, arguments);
        self.script_time += begun.elapsed();
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

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match").field("world", &self.world()).finish_non_exhaustive()
    }
}

//! A match that goes on elsewhere: saved and restored, or with new rules.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use muster_core::{World, map::Map};

use super::{Match, MatchOptions, StoreResult, rules::Rules, save};
use crate::{Host, ScriptError, error::explain, known::Known, plain, raw::Budget, stage::Stage, vm::Vm};

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

impl Match {
    pub(crate) fn restore(vm: &Rc<Vm>, bytes: &[u8], options: &MatchOptions) -> Result<Self, RestoreError> {
        let parts = save::read(bytes)?;
        let bundle = &vm.bundle;
        let head = parts.head;
        if head.mode != bundle.name() {
            return Err(RestoreError::Mode(head.mode));
        }
        // The world says whether a map is the one that it had: its own, the bundle's, or none.
        let restore = |map: Option<&Map>| World::restore(parts.world, map.cloned(), options.execution);
        let own = options.map.as_ref().and_then(|map| restore(Some(map)).ok());
        let world = own.map_or_else(|| restore(bundle.map()), Ok);
        let world = world.or_else(|error| restore(None).map_err(|_| error));
        let world = world.map_err(|error| RestoreError::World(error.to_string()))?;
        head.check(&world, &vm.limits)?;
        let id = if options.id.is_empty() { head.id.clone() } else { options.id.clone() };
        let mut new = Stage::new(&id, bundle.name(), bundle.version(), 0, &vm.limits);
        new.world = Some(world);
        new.known = Known::new(options.stored.clone());
        // Its world may have been saved with orders that wait.
        new.has_ordered = true;
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
        let from = (version != bundle.version()).then_some(version);
        let from = from.filter(|_| options.is_alone || !new.settings().large);
        // Nobody waits yet where a server begins.
        let budget = vm.limits.open_budget.into();
        new.take_state(parts.state, from, budget).map_err(RestoreError::Script)?;
        Ok(new)
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
            // Between two ticks, for which others wait.
            let budget = vm.limits.call_budget;
            self.take_state(&state, Some(old_version_text), budget.into())
                .inspect_err(|_| _ = std::mem::replace(&mut self.rules, old))
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

    /// Makes saved bytes the state; rules of another version than those that wrote them are asked, and may take so much.
    fn take_state(&mut self, bytes: &[u8], from: Option<String>, budget: Budget) -> Result<(), Box<ScriptError>> {
        let version = self.rules.vm.bundle.version().to_owned();
        // No script runs meanwhile: it takes as long as there is much, and must not be stopped.
        let decoding = self.rules.vm.limits.call_budget.max(bytes.len() as u64);
        let (state, _) = self.rules.enter(&mut self.stage, "on_reload", decoding, |lua| plain::decode(lua, bytes));
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

impl std::error::Error for RestoreError {}

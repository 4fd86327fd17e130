//! The rules of a match: what `rules.lua` returned, and `self`.

use std::rc::Rc;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Value};

use crate::{
    ScriptError, bundle,
    raw::Budget,
    stage::{Home, Stage},
    vm::{Spent, Vm},
};

/// The rules of a match in their machine.
pub(super) struct Rules {
    pub(super) vm: Rc<Vm>,
    category: u8,
    /// Gone only while it is dropped.
    tables: Option<Tables>,
    /// Whether they are a match handler of Nakama's.
    pub(super) is_nakama: bool,
}

struct Tables {
    home: Home,
    /// What the script returned.
    rules: Table,
    /// The state, the first argument of every callback.
    state: Table,
}

impl Rules {
    /// Runs `rules.lua` in a sandbox of its own.
    pub(super) fn load(vm: &Rc<Vm>, stage: &mut Option<Box<Stage>>) -> Result<Self, Box<ScriptError>> {
        let version = vm.bundle.version();
        let too_many = || ScriptError::of("the machine has as many matches as it may", version);
        let category = vm.open_category().ok_or_else(too_many)?;
        let mut rules = Self { vm: vm.clone(), category, tables: None, is_nakama: false };
        let mut home = None;
        if let Some(stage) = stage {
            home = stage.home.take();
        }
        let made = vm.enter(stage, category, bundle::RULES, Budget::brief(vm.limits.open_budget), |lua| {
            let globals = environment(lua)?;
            Ok(Home { vm: vm.clone(), globals, modules: lua.create_table()? })
        });
        let result = made.0.and_then(|new| {
            if let Some(stage) = stage {
                stage.home = Some(new.clone());
            }
            let run = vm.enter(stage, category, bundle::RULES, Budget::brief(vm.limits.open_budget), |lua| {
                let chunk = vm.chunk(bundle::RULES).ok_or_else(|| mlua::Error::runtime("there is no rules.lua"))?;
                let value: Value = vm.load(chunk, new.globals.clone())?.call(())?;
                let Value::Table(rules) = value else {
                    let message = format!("rules.lua must return a table of functions, not a {}", value.type_name());
                    return Err(mlua::Error::runtime(message));
                };
                let state = lua.create_table()?;
                Ok(Tables { home: new, rules, state })
            });
            run.0
        });
        match result {
            Ok(tables) => {
                rules.tables = Some(tables);
                Ok(rules)
            }
            Err(mut error) => {
                if let Some(stage) = stage {
                    stage.home = home;
                }
                error.callback.clear();
                Err(error)
            }
        }
    }

    /// Makes rules of our form of a match handler of Nakama's.
    pub(super) fn adapt(&mut self, stage: &mut Option<Box<Stage>>) -> Result<(), Box<ScriptError>> {
        let (globals, handler) = (self.tables().home.globals.clone(), self.tables().rules.clone());
        let (vm, category) = (self.vm.clone(), self.category);
        let adapted = vm.enter(stage, category, "nakama", Budget::brief(vm.limits.open_budget), |_| {
            let require: Function = globals.get("require")?;
            let module: Table = require.call(crate::nakama::MODULE)?;
            module.get::<Function>("rules")?.call::<Table>(handler)
        });
        let rules = adapted.0?;
        self.is_nakama = true;
        if let Some(tables) = &mut self.tables {
            tables.rules = rules;
        }
        Ok(())
    }

    /// Does something in the machine of the rules.
    pub(super) fn enter<R>(
        &self,
        stage: &mut Option<Box<Stage>>,
        callback: &str,
        budget: impl Into<Budget>,
        run: impl FnOnce(&Lua) -> mlua::Result<R>,
    ) -> (Result<R, Box<ScriptError>>, Spent) {
        self.vm.enter(stage, self.category, callback, budget, run)
    }

    /// Calls a callback with the state and what else it is given; `None` if the rules have none of this name.
    pub(super) fn call<A: IntoLuaMulti>(
        &self,
        stage: &mut Option<Box<Stage>>,
        callback: &str,
        budget: impl Into<Budget>,
        arguments: impl FnOnce(&Lua) -> mlua::Result<A>,
    ) -> (Result<Option<MultiValue>, Box<ScriptError>>, Spent) {
        let Tables { rules, state, .. } = self.tables();
        self.enter(stage, callback, budget, |lua| {
            // What the table itself has is found sooner than what it may have from another.
            let function = match rules.raw_get::<Value>(callback)? {
                Value::Nil => rules.get(callback)?,
                own => own,
            };
            let function = match function {
                Value::Nil => return Ok(None),
                Value::Function(function) => function,
                other => {
                    let message = format!("rules.{callback} must be a function, not a {}", other.type_name());
                    return Err(mlua::Error::runtime(message));
                }
            };
            let mut all = arguments(lua)?.into_lua_multi(lua)?;
            all.push_front(Value::Table(state.clone()));
            function.call::<MultiValue>(all).map(Some)
        })
    }

    /// Calls `match_init`, which has no state yet.
    pub(super) fn init(
        &self,
        stage: &mut Option<Box<Stage>>,
        arguments: impl FnOnce(&Lua) -> mlua::Result<(Table, Value)>,
    ) -> Result<MultiValue, Box<ScriptError>> {
        let Tables { rules, .. } = self.tables();
        let called = self.enter(stage, "match_init", Budget::brief(self.vm.limits.open_budget), |lua| {
            let function: Option<Function> = rules.get("match_init")?;
            let missing = "rules.lua returns no match_init: function rules.match_init(ctx, params) ... end";
            let function = function.ok_or_else(|| mlua::Error::runtime(missing))?;
            function.call::<MultiValue>(arguments(lua)?)
        });
        called.0
    }

    /// Goes on with another state. The functions of the rules can be called as its methods.
    pub(super) fn set_state(&mut self, state: Table) -> mlua::Result<()> {
        let lua = &self.vm.lua;
        let metatable = lua.create_table()?;
        metatable.raw_set("__index", &self.tables().rules)?;
        // One that the script made read-only stays what it is.
        if !state.is_readonly() {
            state.set_metatable(Some(metatable))?;
        }
        if let Some(tables) = &mut self.tables {
            tables.state = state;
        }
        Ok(())
    }

    pub(super) fn state(&self) -> &Table {
        &self.tables().state
    }

    /// Bytes that the scripts hold.
    pub(super) fn bytes(&self) -> usize {
        self.vm.bytes_of(self.category)
    }

    fn tables(&self) -> &Tables {
        self.tables.as_ref().expect("the tables are there until the rules are dropped")
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        self.tables = None;
        self.vm.close_category(self.category);
    }
}

/// Globals that a match may write to, before those that all matches read.
fn environment(lua: &Lua) -> mlua::Result<Table> {
    let grab = lua.create_function(|lua, ()| Ok(lua.globals()))?;
    let thread = lua.create_thread(grab)?;
    thread.sandbox()?;
    thread.resume(())
}

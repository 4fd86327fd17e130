//! A tick: what players command, what scripts do, the world's own step.

use muster_core::{Input, command::Command};
use serde_json::Value;

use super::{Ended, Match, StoreResult};
use crate::{
    ScriptError,
    binding::json_to_lua,
    plain,
    raw::{self, Plain},
    stage::{Timer, Used},
};

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

impl Match {
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
        stage.has_ordered = false;
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
        // What a tick has no budget left for, or no time, waits for the next one.
        let (begun, worked) = (self.script_time, raw::thread_time());
        let most = raw::time_for(self.rules.vm.limits.tick_budget);
        let has_room = |game: &Self| {
            let has_time = game.script_time - begun <= most || raw::thread_time() - worked <= most;
            game.tick_budget > 0 && has_time
        };
        while has_room(self)
            && let Some((request, result)) = self.stage_mut().stored.pop_front()
        {
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
        while has_room(self)
            && let Some((key, timer)) = self.next_timer(tick)
        {
            if timer.every > 0 {
                // Before it is called, so that it may cancel itself.
                self.stage_mut().timers.insert((tick.saturating_add(timer.every), key.1), timer.clone());
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
        let messages = Vec::from(std::mem::take(&mut stage.inbox));
        stage.inbox_bytes = 0;
        for member in stage.members.values_mut() {
            member.messages = 0;
        }
        let told = self.call("match_loop", |lua| {
            let list = raw::records(lua, &messages, |(player, text)| {
                [(c"player", Plain::Number(f64::from(*player))), (c"text", Plain::Text(text))]
            })?;
            Ok((tick, list))
        });
        self.keep_state(told).err()
    }

    /// Has the rules hear the messages that wait, between two ticks, if they want to ([`super::MatchSettings::at_once`]). It is
    /// done with what is left of the last tick's budget; when that is less than half, messages wait for the tick, so that none is
    /// lost to a call that is stopped in the middle of it.
    pub fn hear(&mut self) -> StepReport {
        self.report = StepReport::default();
        let stage = self.stage();
        let tick = stage.tick();
        let is_spent = self.tick_budget < self.rules.vm.limits.tick_budget / 2;
        let is_silent = !stage.settings.at_once || stage.inbox.is_empty() || is_spent;
        if stage.ended.is_some() || is_silent {
            return StepReport { tick, has_ended: stage.ended.is_some(), ..StepReport::default() };
        }
        // A match that fails at each message fails a tick for it.
        self.failed = self.run_loop().or_else(|| self.failed.take());
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
}

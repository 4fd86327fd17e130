//! A battle whose course is written down, and runs of it that must not differ.
//!
//! **A run is a function of its setting alone.** The script looks at the tick, at draws of the core's randomness and at
//! the world's state, and at nothing else; so whatever differs between two runs is the core's doing. Runs are compared
//! tick by tick: the hash of the state, the events in their order, and what the world answered to each input. A failure
//! names the first tick that differs.
//!
//! [`fight`] is what most promises need: one run, whose measure is the numbers of [`GOLDEN`].
#![forbid(unsafe_code)]

mod battle;
mod dice;
mod golden;
mod run;
mod script;

pub use self::{
    battle::{Setting, config, execution, found, map},
    dice::Dice,
    golden::{GOLDEN, Golden, check_golden, first_difference},
    run::{FEWEST, Moment, Outcome, Run, Way, check_size, digest_of_events, fight, ticks},
    script::Script,
};

//! Matches whose rules are Luau scripts.
//!
//! A mode is a folder of text files, a [`Bundle`]. A [`Host`] is one virtual machine of one bundle on one thread; it opens
//! [`Match`]es, each with its own world and its own sandboxed environment. A match is a machine without I/O and
//! threads: its host gives it what happens and steps it, and takes what comes out. It has no clock but the net below the
//! budget of its calls, and one to say what these took ([`Match::script_time`]).
//!
//! **Whatever a script does, the match's host goes on**: every call has a budget of work and of memory, every error is a
//! value, and what a script asks of the world is an input of the coming tick, so that a replay needs no script.
//!
//! ```
//! use std::sync::Arc;
//! use muster_scripts::{Bundle, Host, Limits, MatchOptions};
//!
//! let rules = r#"
//!     local rules = {}
//!     function rules.match_init(ctx, params)
//!         return { tick_rate = 20, players_max = 4, label = "hello" }
//!     end
//!     function rules.match_loop(self, tick)
//!         self.ticks = (self.ticks or 0) + 1
//!         match.broadcast({ ticks = self.ticks })
//!     end
//!     return rules
//! "#;
//! let bundle = Bundle::from_files("hello", vec![("rules.lua".into(), rules.into())])?;
//! let host = Host::new(Arc::new(bundle), Limits::default())?;
//! let mut game = host.open(&MatchOptions::default())?;
//! game.step(&mut Vec::new());
//! assert!(game.poll_output().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

// Errors of Luau are exceptions of C++ that pass through frames of Rust.
const _: () = assert!(cfg!(panic = "unwind"), "scripts need a profile whose panics unwind");

mod binding;
mod bundle;
mod check;
mod error;
mod host;
mod known;
mod library;
mod limits;
mod matches;
mod nakama;
mod plain;
mod raw;
mod stage;
mod template;
#[cfg(feature = "types")]
mod types;
mod vm;

pub use bundle::{Bundle, BundleError};
pub use check::{Checked, Finding, Severity, check};
pub use error::ScriptError;
pub use host::Host;
pub use library::{lua_annotations, luau_definitions};
pub use limits::Limits;
pub use matches::{
    Ended, JoinRefusal, LeaveReason, LogLevel, Match, MatchOptions, MatchSettings, MessageRefusal, Output, Player,
    RestoreError, StepReport, StoreAction, StoreRequest, StoreResult, StoreScope, StoredValues, To,
};
pub use template::new_mode;

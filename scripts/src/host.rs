//! One virtual machine of one bundle.

use std::{fmt, rc::Rc, sync::Arc};

use crate::{
    Bundle, Limits, ScriptError,
    matches::{Match, MatchOptions, RestoreError},
    vm::Vm,
};

/// One virtual machine of one bundle on one thread, which opens matches.
pub struct Host {
    vm: Rc<Vm>,
}

impl Host {
    /// How many matches a host may have at a time. Make another one for more.
    pub const MATCHES_MAX: usize = 250;

    /// Compiles a bundle.
    ///
    /// # Errors
    /// When a file of it is no script.
    pub fn new(bundle: Arc<Bundle>, limits: Limits) -> Result<Self, Box<ScriptError>> {
        Vm::new(bundle, limits).map(|vm| Self { vm })
    }

    /// Opens a match: runs `rules.lua` and its `match_init`.
    ///
    /// # Errors
    /// When the scripts fail, or what they ask for cannot be.
    pub fn open(&self, options: &MatchOptions) -> Result<Match, Box<ScriptError>> {
        Match::open(&self.vm, options)
    }

    /// A match from what [`Match::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of a match, or the scripts fail.
    pub fn restore(&self, bytes: &[u8], options: &MatchOptions) -> Result<Match, RestoreError> {
        Match::restore(&self.vm, bytes, options)
    }

    /// What it runs.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.vm.bundle
    }

    /// What its matches may do.
    pub fn limits(&self) -> &Limits {
        &self.vm.limits
    }

    /// How many matches it has.
    pub fn matches(&self) -> usize {
        self.vm.matches()
    }

    /// How many bytes its machine holds, all matches together.
    pub fn memory_bytes(&self) -> usize {
        self.vm.lua.used_memory()
    }

    /// Whether it can take no more calls, since its machine broke. Its matches have to be restored on another one.
    pub fn is_broken(&self) -> bool {
        self.vm.is_broken()
    }

    pub(crate) const fn vm(&self) -> &Rc<Vm> {
        &self.vm
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("bundle", &self.bundle().name()).field("matches", &self.matches()).finish()
    }
}

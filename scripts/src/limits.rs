//! How much a script may do.

/// How much a match and its scripts may do and hold. What goes beyond is refused with an error or counted, and never
/// waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most bytes that the scripts of one match may hold.
    pub memory_bytes: usize,
    /// Most bytes that a virtual machine may hold, all matches of its bundle on its thread together.
    pub host_memory_bytes: usize,
    /// Most safepoints (calls, returns and rounds of loops) of one call from the host; about 5 ns each for the shortest
    /// loops. Work that the built-in functions do on long strings and tables counts too. A call whose safepoints take more
    /// than 60 ns on average is stopped sooner, by the time that its thread has worked.
    pub call_budget: u64,
    /// Most safepoints of all calls of a match in a tick.
    pub tick_budget: u64,
    /// Most safepoints of each step in which a match is opened, gone on with or reloaded: its files, `match_init`, `match_start`,
    /// `on_reload` where it is gone on with. Others of its thread wait for the first three: each is stopped after 6 ms of work,
    /// but for `match_start` of a large world, which has a thread of its own.
    pub open_budget: u64,
    /// For how many milliseconds every tick must fail until the match ends.
    pub failing_ms_max: u32,
    /// Most lines that a match may log in a tick. What goes beyond is counted.
    pub log_lines_per_tick: u32,
    /// Most bytes of a line in the log.
    pub log_line_bytes_max: usize,
    /// Most messages that a match may send in a tick.
    pub messages_per_tick: u32,
    /// Most bytes of a message, either way.
    pub message_bytes_max: usize,
    /// Most messages of one player that wait for a tick.
    pub inbox_messages_max: usize,
    /// Most bytes of messages of all players that wait for a tick.
    pub inbox_bytes_max: usize,
    /// Most requests to the store that wait for their results.
    pub store_requests_max: usize,
    /// Most bytes of a stored value, as JSON.
    pub store_value_bytes_max: usize,
    /// Most timers.
    pub timers_max: usize,
    /// Most bytes of a saved match's scripts.
    pub state_bytes_max: usize,
    /// Most outputs that wait to be taken. Beyond, the script's calls fail.
    pub outputs_max: usize,
    /// Most players that a mode may ask for.
    pub players_max: u32,
    /// Most entities that a mode may ask for.
    pub entities_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 16 << 20,
            host_memory_bytes: 256 << 20,
            call_budget: 100_000,
            tick_budget: 150_000,
            open_budget: 1_000_000,
            failing_ms_max: 1000,
            log_lines_per_tick: 32,
            log_line_bytes_max: 1024,
            messages_per_tick: 4096,
            message_bytes_max: 16 << 10,
            inbox_messages_max: 64,
            inbox_bytes_max: 1 << 20,
            store_requests_max: 64,
            store_value_bytes_max: 64 << 10,
            timers_max: 1024,
            state_bytes_max: 4 << 20,
            outputs_max: 16_384,
            players_max: 1024,
            entities_max: 65_536,
        }
    }
}

//! What a match is: what `match_init` asked for, checked.

use muster_core::sync::server::SyncConfig;

/// What a match is.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchSettings {
    /// Ticks a second, 1 to 120.
    pub tick_rate_hz: u32,
    /// By which it is found: JSON or text, at most 2 KiB.
    pub label: String,
    /// Most players at a time.
    pub players_max: u32,
    /// Whether the rules hear messages as soon as they come, and not only in the tick.
    pub at_once: bool,
    /// Whether others may look on.
    pub spectators: bool,
    /// How many sides there are; 0 is none.
    pub teams: u16,
    /// How far from its points of view a player sees what comes into sight, in units of length.
    pub view_enter: i32,
    /// Beyond which it goes out of sight.
    pub view_leave: i32,
    /// How the world is told: update_ticks, the attributes that are told, rates. The host sets session, viewers_max and
    /// packet_max.
    pub sync: SyncConfig,
    /// The behaviour, from 1, that commands a player's entities while they are away; 0 is none.
    pub away_behaviour: u16,
    /// For how many seconds the place of a player who is away is kept.
    pub away_seconds: u32,
    /// Whether its world is worth threads of its own, for a host that has them. The results are the same.
    pub large: bool,
    /// For whoever shows the match: kinds, colours and so on as the mode says, JSON.
    pub client: serde_json::Value,
}

impl Default for MatchSettings {
    fn default() -> Self {
        Self {
            tick_rate_hz: 20,
            label: String::new(),
            players_max: 16,
            at_once: false,
            spectators: true,
            teams: 0,
            view_enter: 100 * muster_core::METRE,
            view_leave: 115 * muster_core::METRE,
            sync: SyncConfig { update_ticks: 1, ..SyncConfig::default() },
            away_behaviour: 0,
            away_seconds: 60,
            large: false,
            client: serde_json::Value::Null,
        }
    }
}

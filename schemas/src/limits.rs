//! How much of a message is read before it is believed.

use flatbuffers::VerifierOptions;

/// What a message may be at most. Everything beyond is an error before a byte of it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the message.
    pub size_max: usize,
    /// Tables in it, the root included.
    pub tables_max: usize,
    /// How deep tables are in one another, the root included.
    pub depth_max: usize,
}

impl Limits {
    /// Of [`Inputs`](crate::commands::Inputs): 4096 batches and 21,800 commands or so.
    pub const INPUTS: Self = Self { size_max: 1 << 20, tables_max: 1 + 4096, depth_max: 2 };
    /// Of [`Events`](crate::events::Events): 1.6 million events or so.
    pub const EVENTS: Self = Self { size_max: 128 << 20, tables_max: 1, depth_max: 1 };
    /// Of [`WorldConfig`](crate::config::WorldConfig): what its own limits allow.
    pub const CONFIG: Self = Self { size_max: 16 << 20, tables_max: 1 + 65_535, depth_max: 2 };
    /// Of [`Map`](crate::map::Map): what a map's own limits allow, most of it routes.
    pub const MAP: Self = Self { size_max: 16 << 20, tables_max: 3 + 4096 + 16_384 + 1024, depth_max: 2 };
    /// Of [`ReplayHeader`](crate::replay::ReplayHeader): a configuration and the key frames.
    pub const REPLAY_HEADER: Self = Self { size_max: 32 << 20, tables_max: 2 + 65_535, depth_max: 3 };
    /// Of [`Packet`](crate::sync::Packet) and [`Report`](crate::sync::Report): what a datagram of UDP holds.
    pub const DATAGRAM: Self = Self { size_max: 65_535, tables_max: 1, depth_max: 1 };
    /// Of [`Message`](crate::sync::Message): 16 KiB of text and what is around it.
    pub const MESSAGE: Self = Self { size_max: (16 << 10) + 64, tables_max: 1, depth_max: 1 };
    /// Of [`Hello`](crate::sync::Hello).
    pub const HELLO: Self = Self { size_max: 1024, tables_max: 1, depth_max: 1 };
    /// Of [`Welcome`](crate::sync::Welcome): a configuration and a little.
    pub const WELCOME: Self = Self { size_max: 16 << 20, tables_max: 2 + 65_535, depth_max: 3 };

    /// What the verifier is given for a message of `size` bytes.
    ///
    /// Offsets can lead to the same bytes again and again, so that a short message tells a long story. Honest messages
    /// share only the descriptions of their tables, which the verifier counts anew for each table and, field by field,
    /// twice; that is less than three times the message, but for the smallest.
    pub(crate) fn options(self, size: usize) -> VerifierOptions {
        VerifierOptions {
            max_depth: self.depth_max,
            max_tables: self.tables_max,
            max_apparent_size: size.saturating_mul(3).saturating_add(256),
            ignore_missing_null_terminator: false,
        }
    }
}

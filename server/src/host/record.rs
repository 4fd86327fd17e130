//! The recording of a match on its way to the archive.

use muster_core::replay::{Recorder, Settings};

use super::archive::Archive;

/// How many bytes of a recording are handed over at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// A key frame every so many seconds.
const KEY_SECONDS: u32 = 30;

/// How much of a match was recorded.
pub(super) struct Recording {
    /// The replay's id.
    id: String,
    /// Bytes handed over.
    pub(super) bytes: u64,
    bytes_max: u64,
    /// Whether the limit was reached.
    pub(super) is_cut: bool,
}

impl Recording {
    pub(super) const fn new(id: String, bytes_max: u64) -> Self {
        Self { id, bytes: 0, bytes_max, is_cut: false }
    }

    /// The replay's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// How a match of this rate is recorded.
    pub(super) fn settings(tick_rate_hz: u32) -> Settings {
        Settings { key_ticks: KEY_SECONDS * tick_rate_hz, sector_hashes: false, pending_bytes_max: 16 << 20 }
    }

    /// Hands over what there is, when it is worth it. `is_last` hands over everything.
    pub(super) fn hand_over(&mut self, recorder: &mut Recorder, archive: &Archive, is_last: bool) {
        if is_last {
            recorder.finish();
        } else if recorder.pending().len() < CHUNK_BYTES {
            return;
        }
        let pending = recorder.pending().len();
        if self.is_cut {
            recorder.consume(pending);
            return;
        }
        if !is_last && self.bytes + pending as u64 > self.bytes_max {
            // It ends with its index, so that what there is can be looked at.
            self.is_cut = true;
            recorder.finish();
        }
        let is_first = self.bytes == 0;
        let bytes = recorder.pending().to_vec();
        self.bytes += bytes.len() as u64;
        recorder.consume(bytes.len());
        if !bytes.is_empty() {
            archive.replay(&self.id, bytes, is_first);
        }
    }
}

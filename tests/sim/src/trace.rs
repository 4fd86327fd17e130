//! What happened in a run, as one number.

/// An FNV-1a hash over every event of a run, in order. Equal seeds give equal traces; anything that reads a clock, the
/// address of an object or the order of a hash table shows as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Trace {
    /// Adds bytes to the trace.
    pub fn record(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The hash so far.
    pub fn hash(self) -> u64 {
        self.0
    }
}

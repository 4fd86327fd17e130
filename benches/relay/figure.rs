//! What is measured of each run.

use std::collections::BTreeMap;

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Payloads accepted from one side and delivered to the other, a second.
    DatagramsPerSecond,
    /// CPU of the server for each such payload, in nanoseconds.
    CpuNsPerDatagram,
    /// Median latency in microseconds: there and back, but one way in the paced hairpin case.
    P50Us,
    /// The same, 99th percentile.
    P99Us,
    /// The same, 99.9th percentile.
    P999Us,
    /// Payloads without an answer within 200 ms, of those sent.
    LossShare,
    /// The part of one core that the server used.
    ServerBusyShare,
    /// The part of the time that the server's threads could run but waited for the core.
    ServerWaitedShare,
    /// The part of the time that the load could run but waited for its core.
    LoadWaitedShare,
    /// Heap allocations of the server's workers for each payload, from its own counter.
    HeapPerDatagram,
    /// Time of one Allocate with its challenge and one ChannelBind, one after the other, in microseconds: mean.
    AllocationUs,
    /// CPU of the server for that, in microseconds.
    AllocationCpuUs,
    /// Growth of the server's resident memory for each allocation, in bytes.
    ResidentPerAllocation,
    /// The server's resident memory before the first allocation, in bytes.
    ResidentAtStart,
}

impl Figure {
    /// Its name in JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::DatagramsPerSecond => "datagrams_per_s",
            Self::CpuNsPerDatagram => "cpu_ns_per_datagram",
            Self::P50Us => "p50_us",
            Self::P99Us => "p99_us",
            Self::P999Us => "p999_us",
            Self::LossShare => "loss_share",
            Self::ServerBusyShare => "server_busy_share",
            Self::ServerWaitedShare => "server_waited_share",
            Self::LoadWaitedShare => "load_waited_share",
            Self::HeapPerDatagram => "heap_allocations_per_datagram",
            Self::AllocationUs => "allocation_us",
            Self::AllocationCpuUs => "allocation_cpu_us",
            Self::ResidentPerAllocation => "resident_bytes_per_allocation",
            Self::ResidentAtStart => "resident_bytes_at_start",
        }
    }
}

/// The figures of one run of one contender in one case.
pub(crate) type Figures = BTreeMap<Figure, f64>;

//! What the relay counts, as OpenMetrics text, which Prometheus reads.
//!
//! Every label comes from a closed set in this code base: no client, user or peer can add a series.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{
    counters::{Counter, Direction, Drop, Request},
    supervisor::Relay,
    worker::{RESIDENCE_US, WorkerCounters},
};

/// All metrics of `relay` as they stand now.
pub(crate) fn render(relay: &Relay) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(relay.snapshot())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

/// What the collector reads; the parts that are shared with the workers are read while encoding.
#[derive(Debug)]
pub(crate) struct RelaySnapshot {
    pub(crate) workers: Vec<std::sync::Arc<WorkerCounters>>,
    pub(crate) driver: &'static str,
    pub(crate) batching: bool,
    pub(crate) stepped_down: Option<String>,
    pub(crate) draining: bool,
    pub(crate) reservations: u64,
    pub(crate) reloads: [u64; 2],
    pub(crate) heap_allocations: u64,
}

/// Reads one count of one worker.
type Read = fn(&WorkerCounters) -> u64;

#[derive(Debug)]
struct Snapshot(RelaySnapshot);

impl Snapshot {
    fn sum(&self, read: impl Fn(&WorkerCounters) -> u64) -> u64 {
        self.0.workers.iter().map(|worker| read(worker)).sum()
    }

    fn counter(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn gauge(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstGauge::new(value as i64);
        metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn family<'a>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        label: &'a str,
        values: impl Iterator<Item = (&'a str, u64)>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            ConstCounter::new(count).encode(family.encode_family(&[(label, value)])?)?;
        }
        Ok(())
    }

    fn traffic(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let each = |pick: fn((u64, u64)) -> u64| {
            Direction::ALL.into_iter().map(move |direction| {
                (direction.label(), self.sum(|worker| pick(worker.turn.relayed_so_far(direction))))
            })
        };
        let datagrams = ("muster_relay_datagrams", "Relayed datagrams by direction");
        self.family(encoder, datagrams, "direction", each(|(datagrams, _)| datagrams))?;
        let bytes = ("muster_relay_bytes", "Relayed payload bytes by direction");
        self.family(encoder, bytes, "direction", each(|(_, bytes)| bytes))?;
        let drops =
            Drop::ALL.into_iter().map(|cause| (cause.label(), self.sum(|worker| worker.turn.dropped_so_far(cause))));
        self.family(encoder, ("muster_relay_drops", "Datagrams not passed on, by cause"), "cause", drops)
    }

    fn answers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests answered, by method and error code (0 is success)";
        let mut family = encoder.encode_descriptor("muster_relay_answers", help, None, MetricType::Counter)?;
        for request in Request::ALL {
            let mut codes = std::collections::BTreeMap::new();
            for worker in &self.0.workers {
                for (code, count) in worker.turn.answers_so_far(request) {
                    *codes.entry(code).or_insert(0) += count;
                }
            }
            for (code, count) in codes {
                let labels = [("method", request.label().to_owned()), ("code", code.to_string())];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn workers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time of a datagram in the relay, from the end of the wait to the hand-over to the kernel";
        let mut family =
            encoder.encode_descriptor("muster_relay_residence_seconds", help, None, MetricType::Histogram)?;
        for (number, worker) in self.0.workers.iter().enumerate() {
            let bounds = RESIDENCE_US.iter().map(|&us| us as f64 / 1e6).chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(worker.residence.iter().map(Counter::read)).collect();
            let count = buckets.iter().map(|&(_, count)| count).sum();
            let sum = worker.residence_ns.read() as f64 / 1e9;
            let labels = [("worker", number.to_string())];
            family.encode_family(&labels)?.encode_histogram::<[(String, String); 0]>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let workers = self.0.workers.len() as u64;
        self.gauge(encoder, "muster_relay_workers", "Worker threads", workers)?;
        self.gauge(encoder, "muster_relay_draining", "1 while no new allocations are made", self.0.draining.into())?;
        self.gauge(encoder, "muster_relay_reserved_ports", "Ports kept by EVEN-PORT", self.0.reservations)?;
        let reloads = [("ok", self.0.reloads[0]), ("refused", self.0.reloads[1])].into_iter();
        self.family(encoder, ("muster_relay_reloads", "Reloads of the configuration"), "result", reloads)?;
        let help = "Allocations of heap memory by the workers; steady relaying adds none";
        self.counter(encoder, "muster_relay_heap_allocations", help, self.0.heap_allocations)?;
        let help = "1 with the driver that moves the datagrams, and why a better one was not taken";
        let mut driver = encoder.encode_descriptor("muster_relay_driver", help, None, MetricType::Gauge)?;
        let reason = self.0.stepped_down.as_deref().unwrap_or("");
        let labels = [
            ("driver", self.0.driver),
            ("batch_window", if self.0.batching { "on" } else { "off" }),
            ("stepped_down", reason),
        ];
        ConstGauge::new(1_i64).encode(driver.encode_family(&labels)?)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let live = self.sum(|worker| worker.turn.allocations.read());
        self.gauge(encoder, "muster_relay_allocations", "Live allocations", live)?;
        let opened = self.sum(|worker| worker.turn.allocations_opened.read());
        self.counter(encoder, "muster_relay_allocations_opened", "Allocations made", opened)?;
        self.traffic(encoder)?;
        self.answers(encoder)?;
        let icmp = self.sum(|worker| worker.turn.icmp.read());
        self.counter(encoder, "muster_relay_icmp_errors", "ICMP errors passed on to clients", icmp)?;
        let handshakes = [
            ("completed", self.sum(|worker| worker.handshakes_completed.read())),
            ("failed", self.sum(|worker| worker.handshakes_failed.read())),
            ("timed_out", self.sum(|worker| worker.handshakes_timed_out.read())),
            ("refused", self.sum(|worker| worker.handshakes_refused.read())),
        ];
        let help = ("muster_relay_tls_handshakes", "TLS handshakes by result");
        self.family(encoder, help, "result", handshakes.into_iter())?;
        let connections = self.sum(|worker| worker.connections.read());
        self.gauge(encoder, "muster_relay_connections", "Open TCP and TLS connections", connections)?;
        let refused = self.sum(|worker| worker.connections_refused.read());
        let help = "Connections refused by a limit, handshakes apart";
        self.counter(encoder, "muster_relay_connections_refused", help, refused)?;
        let totals: [(&str, &str, Read); 6] = [
            ("muster_relay_received_datagrams", "Datagrams received by the driver", |worker| worker.received.read()),
            ("muster_relay_sent_datagrams", "Datagrams handed to the kernel", |worker| worker.sent.read()),
            ("muster_relay_receive_exhausted", "Times no receive slot was free", |worker| {
                worker.receive_exhausted.read()
            }),
            ("muster_relay_receive_rearmed", "Times a multishot receive was armed again", |worker| {
                worker.receive_rearmed.read()
            }),
            ("muster_relay_receive_queue_overflows", "Datagrams dropped by the kernel: queue full", |worker| {
                worker.receive_queue_overflows.read()
            }),
            ("muster_relay_turns", "Turns of the workers' loops", |worker| worker.turns.read()),
        ];
        for (name, help, read) in totals {
            self.counter(encoder, name, help, self.sum(read))?;
        }
        self.workers(encoder)?;
        self.process(encoder)
    }
}

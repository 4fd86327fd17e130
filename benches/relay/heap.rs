//! What the relay says of its own use of the heap.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What the relay's count of heap allocations is called on its admin endpoint.
const HEAP_METRIC: &str = "muster_relay_heap_allocations_total";

/// The relay's own count of heap allocations on its workers, or nothing if the endpoint does not show one.
pub(crate) fn heap_allocations(admin: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    sum_of_metric(&text, HEAP_METRIC)
}

/// The sum of a metric over all its labels in Prometheus text.
fn sum_of_metric(text: &str, name: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(name) else { continue };
        if !rest.starts_with(['{', ' ']) {
            continue;
        }
        let value = rest.rsplit(' ').next()?.parse::<f64>().ok()?;
        sum = Some(sum.unwrap_or(0) + value as u64);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_a_metric_over_its_labels() {
        let text = "# TYPE a_total counter\na_total{worker=\"0\"} 3\na_total{worker=\"1\"} 4\na_total_b 9\n";
        assert_eq!(sum_of_metric(text, "a_total"), Some(7));
        assert_eq!(sum_of_metric("a_total 5\n", "a_total"), Some(5));
        assert_eq!(sum_of_metric(text, "c_total"), None);
    }
}

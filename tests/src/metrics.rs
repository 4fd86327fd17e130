//! The admin endpoint: a GET, and the Prometheus text format.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long the endpoint may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Gets `path`; returns the status and the body.
///
/// # Errors
/// When nobody answers in time, or not with HTTP.
pub fn get(server: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    request(server, "GET", path)
}

/// Posts nothing to `path`; returns the status and the body.
///
/// # Errors
/// As [`get`].
pub fn post(server: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    request(server, "POST", path)
}

fn request(server: SocketAddr, method: &str, path: &str) -> io::Result<(u16, String)> {
    // HTTP/1.0 without keep-alive, so that the answer ends with the connection and is never chunked.
    exchange(server, format!("{method} {path} HTTP/1.0\r\nHost: {server}\r\nContent-Length: 0\r\n\r\n").as_bytes())
}

/// Sends these bytes, whatever they are; returns the status and the body of what is answered.
///
/// # Errors
/// As [`get`].
pub fn exchange(server: SocketAddr, bytes: &[u8]) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(bytes)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}

/// One reading of every metric, by name and labels as they are written: `drops_total{cause="oversize"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads the text format.
    ///
    /// # Panics
    /// When a line is neither a comment nor a sample, because the format is a promise to operators.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| {
            // A label's value may hold blanks; what follows the last one is the number.
            let sample = line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
            sample.unwrap_or_else(|| panic!("not a sample: {line:?}"))
        });
        Self { samples: samples.collect() }
    }

    /// The sum of all samples of `name`, whatever their labels; `None` if there is none.
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.matching(name, &[]).reduce(|sum, value| sum + value)
    }

    /// The sum of the samples of `name` that have every one of `labels`; 0 if there is none, because a label appears
    /// with its first count.
    pub fn labelled(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).sum()
    }

    /// The live allocations.
    ///
    /// # Panics
    /// When the relay does not tell them.
    #[track_caller]
    pub fn allocations(&self) -> u64 {
        let sum = self.sum("muster_relay_allocations");
        sum.unwrap_or_else(|| panic!("no muster_relay_allocations in {:?}", self.samples.keys())) as u64
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = f64> + 'a {
        let of_name = self.samples.iter().filter(move |(sample, _)| {
            let (found, rest) = sample.split_once('{').unwrap_or((sample, ""));
            found == name && labels.iter().all(|(key, value)| rest.contains(&format!("{key}=\"{value}\"")))
        });
        of_name.map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let text =
            "# TYPE drops counter\ndrops_total{cause=\"a b\",worker=\"0\"} 2\ndrops_total{cause=\"c\"} 3\nup 1\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("drops_total"), Some(5.0));
        assert_eq!(metrics.labelled("drops_total", &[("cause", "a b")]), 2.0);
        assert_eq!(metrics.labelled("drops_total", &[("cause", "none")]), 0.0);
        assert_eq!(metrics.sum("drops"), None);
    }
}

//! Headless Chromium with one page of `tests/browser`, which does its work and posts a report back.
//!
//! No driver program stands between: the page is served from here, and the report comes back to the same server. So the
//! only thing to install is the browser.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{process::Process, program, scratch::Scratch};

/// The largest report that is read.
const REPORT_MAX: usize = 1 << 20;
/// The first start of a browser on a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(90);
/// How long a page may take by its own clock; less than [`LIMIT`], so that its report says what it saw.
const PAGE_LIMIT_MS: u32 = 45_000;

/// What the page is given.
#[derive(Debug)]
pub struct Visit<'a> {
    /// The `urls` of the page's only ICE server.
    pub url: &'a str,
    /// Its user name.
    pub username: &'a str,
    /// Its credential.
    pub credential: &'a str,
    /// Messages that each side sends.
    pub messages: u32,
    /// Bytes of each message.
    pub bytes: u32,
    /// Base64 of the SHA-256 of the one public key to accept although nobody vouches for it.
    pub public_key_sha256: Option<&'a str>,
}

/// Opens `page` in a browser of its own and returns its report.
///
/// # Panics
/// When the browser is not installed, or no report comes.
#[track_caller]
pub fn visit(page: &str, visit: &Visit<'_>) -> Value {
    let text = fs::read(program::workspace().join("tests/browser").join(page)).expect("the page is in the tree");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("the socket is bound");
    let (sender, reports) = mpsc::channel();
    thread::spawn(move || serve(&listener, &text, &sender));

    let query = [
        ("url", visit.url.to_owned()),
        ("username", visit.username.to_owned()),
        ("credential", visit.credential.to_owned()),
        ("messages", visit.messages.to_string()),
        ("bytes", visit.bytes.to_string()),
        ("deadline_ms", PAGE_LIMIT_MS.to_string()),
    ];
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    let profile = Scratch::new();
    let mut command = Command::new(program::installed("chromium"));
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]);
    command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
    command.args(["--disable-sync", "--disable-extensions"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    if let Some(key) = visit.public_key_sha256 {
        command.arg(format!("--ignore-certificate-errors-spki-list={key}"));
    }
    // A home of its own: caches and certificate stores of the developer stay out of the test.
    command.env("HOME", profile.path()).arg(format!("http://{address}/{page}?{}", query.join("&")));
    let browser = Process::start(&mut command);
    let report = await_report(&reports);
    match report {
        Some(report) => serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error} in {report}")),
        None => panic!("no report from {page} within {LIMIT:?}; the browser wrote:\n{}", browser.output()),
    }
}

fn await_report(reports: &Receiver<String>) -> Option<String> {
    reports.recv_timeout(LIMIT).ok()
}

/// Answers until a report has come.
fn serve(listener: &TcpListener, page: &[u8], reports: &Sender<String>) {
    for stream in listener.incoming() {
        let reported = stream.and_then(|stream| answer(stream, page));
        if let Ok(Some(report)) = reported {
            // The test may have given up.
            let _ = reports.send(report);
            return;
        }
    }
}

/// Answers one request. Browsers open connections that they never use, so nothing is waited for long.
fn answer(mut stream: TcpStream, page: &[u8]) -> io::Result<Option<String>> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = Vec::new();
    let (head, body_start) = loop {
        if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&request[..at]).into_owned(), at + 4);
        }
        read_more(&mut stream, &mut request)?;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
    });
    while request.len() < body_start + length.unwrap_or(0) {
        read_more(&mut stream, &mut request)?;
    }
    if head.starts_with("POST /result ") {
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
        return Ok(Some(String::from_utf8_lossy(&request[body_start..]).into_owned()));
    }
    let (status, body) = if head.contains(".html?") { ("200 OK", page) } else { ("404 Not Found", &[][..]) };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", body.len())?;
    stream.write_all(b"Connection: close\r\n\r\n")?;
    stream.write_all(body)?;
    Ok(None)
}

fn read_more(stream: &mut TcpStream, request: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    if length == 0 || request.len() + length > REPORT_MAX {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    request.extend_from_slice(&buffer[..length]);
    Ok(())
}

/// Writes `text` so that it can stand in a query.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |query, byte| {
        if byte.is_ascii_alphanumeric() {
            query + char::from(byte).encode_utf8(&mut [0; 4])
        } else {
            query + &format!("%{byte:02X}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn what_means_something_in_a_query_is_escaped() {
        assert_eq!(percent("turn:a?b=c&d"), "turn%3Aa%3Fb%3Dc%26d");
    }
}

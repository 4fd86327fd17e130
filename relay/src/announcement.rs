//! What a relay says of itself when it has started: where it listens, and what to paste into a page or a shell.

use std::{fmt::Write as _, net::SocketAddr};

use serde_json::json;

use crate::config::Settings;

/// The text, which ends with a newline. A password is in it only if the relay listens on nothing but loopback addresses,
/// as in a demonstration; anything else may end in a log that others read.
pub fn text(settings: &Settings) -> String {
    let mut text = String::new();
    let lists = [("UDP and TCP", &settings.listen), ("TLS", &settings.listen_tls)];
    for (name, addresses) in lists {
        let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        if !shown.is_empty() {
            line(&mut text, format_args!("{:<12} {}", name, shown.join(", ")));
        }
    }
    let relayed: Vec<_> = public_addresses(settings);
    let ports = &settings.relay_ports;
    line(
        &mut text,
        format_args!("{:<12} {} ports {}-{}", "relaying on", relayed.join(", "), ports.start(), ports.end()),
    );
    if let Some(admin) = settings.admin {
        line(&mut text, format_args!("{:<12} http://{admin}/metrics", "admin"));
    }
    line(&mut text, format_args!("\nFor RTCPeerConnection:\n\n  iceServers: [{}]", ice_server(settings)));
    if let Some(command) = client_command(settings) {
        line(
            &mut text,
            format_args!(
                "\nTo try it from a shell (Debian package coturn), client to client through the relay:\n\n  {command}"
            ),
        );
    }
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("writing to a string does not fail");
}

fn public_addresses(settings: &Settings) -> Vec<String> {
    let external = if settings.external_ip.is_empty() { &settings.relay_ip } else { &settings.external_ip };
    external.iter().map(ToString::to_string).collect()
}

fn demonstration(settings: &Settings) -> bool {
    settings.listen.iter().chain(&settings.listen_tls).all(|address| address.ip().is_loopback())
}

fn credentials(settings: &Settings) -> (String, String) {
    match settings.users.first() {
        Some(user) if demonstration(settings) => (user.name.clone(), user.password.clone()),
        Some(user) => (user.name.clone(), "the user's password".to_owned()),
        None => ("<expiry>:<user>".to_owned(), "<base64 HMAC-SHA1 of the username under auth_secret>".to_owned()),
    }
}

fn ice_server(settings: &Settings) -> String {
    let (username, credential) = credentials(settings);
    json!({ "urls": urls(settings), "username": username, "credential": credential }).to_string()
}

/// The `urls` of an entry of `iceServers`.
pub fn urls(settings: &Settings) -> Vec<String> {
    let plain = for_clients(settings, &settings.listen).flat_map(|&address| {
        ["udp", "tcp"].map(|transport| format!("turn:{}?transport={transport}", reachable(settings, address)))
    });
    let secure = for_clients(settings, &settings.listen_tls)
        .map(|&address| format!("turns:{}?transport=tcp", reachable(settings, address)));
    let mut urls: Vec<String> = Vec::new();
    for url in plain.chain(secure) {
        // Several addresses behind one external address are one to a client.
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// A listening address as clients reach it: behind a one-to-one NAT by the external address of its family.
fn reachable(settings: &Settings, address: SocketAddr) -> SocketAddr {
    let outside = settings.external_ip.iter().find(|ip| ip.is_ipv6() == address.is_ipv6());
    SocketAddr::new(outside.copied().unwrap_or_else(|| address.ip()), address.port())
}

/// The addresses that a client elsewhere can use; all of them in a demonstration.
fn for_clients<'a>(settings: &Settings, addresses: &'a [SocketAddr]) -> impl Iterator<Item = &'a SocketAddr> {
    let all = demonstration(settings);
    addresses.iter().filter(move |address| all || !address.ip().is_loopback())
}

/// None without a static user: an ephemeral name has to be signed first.
fn client_command(settings: &Settings) -> Option<String> {
    settings.users.first()?;
    let address = for_clients(settings, &settings.listen).next()?;
    let (username, credential) = credentials(settings);
    let words = [username, credential].map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    let [username, credential] = words;
    let (port, ip) = (address.port(), reachable(settings, *address).ip());
    let family = if ip.is_ipv6() { " -x" } else { "" };
    Some(format!("turnutils_uclient -y -c -n 10{family} -u {username} -w {credential} -p {port} {ip}"))
}

//! What would run, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{
    Settings,
    host::is_public,
    table::{Chapter, settings},
};

/// The answer of `check` for people. Shows no password and no secret.
pub fn text(settings: &Settings) -> String {
    let mut out = String::from("The settings are good. This would run:\n");
    for chapter in Chapter::ALL {
        line(&mut out, format_args!("\n{}", chapter.title()));
        for setting in self::settings().iter().filter(|setting| setting.chapter == chapter) {
            line(&mut out, format_args!("  {:<32} {}", setting.key, setting.shown(settings)));
        }
    }
    line(&mut out, format_args!("\nCapacity"));
    for (name, value) in capacity(settings) {
        line(&mut out, format_args!("  {name:<32} {value}"));
    }
    let notes = notes(settings);
    if !notes.is_empty() {
        line(&mut out, format_args!("\nWorth knowing"));
        for note in notes {
            line(&mut out, format_args!("  {note}"));
        }
    }
    out
}

/// The answer of `check` for programs: `settings` by the file's names, `capacity`, `notes`.
pub fn json(settings: &Settings) -> Json {
    let (mut all, mut limits) = (Map::new(), Map::new());
    for setting in self::settings() {
        let table = if setting.chapter == Chapter::Limits { &mut limits } else { &mut all };
        table.insert(setting.key.into(), setting.view(settings));
    }
    all.insert("limits".into(), Json::Object(limits));
    let capacity: Map<String, Json> =
        capacity(settings).into_iter().map(|(name, value)| (name.replace(' ', "_"), json!(value))).collect();
    json!({ "settings": all, "capacity": capacity, "notes": notes(settings) })
}

/// Figures that follow from several settings.
fn capacity(settings: &Settings) -> Vec<(&'static str, u64)> {
    let ports = u64::from(*settings.relay_ports.end()) - u64::from(*settings.relay_ports.start()) + 1;
    let relayed = ports * settings.relay_ip.len() as u64;
    let slot_memory = settings.workers as u64 * u64::from(settings.slots) * u64::from(settings.slot_bytes);
    vec![
        ("relayed addresses", relayed),
        ("allocations at once", relayed.min(u64::from(settings.limits.allocations))),
        ("receive memory bytes", slot_memory),
    ]
}

/// What is allowed and yet may not be meant.
fn notes(settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    let external = |ipv6: bool| settings.external_ip.iter().any(|ip| ip.is_ipv6() == ipv6);
    for ip in settings.relay_ip.iter().filter(|ip| !is_public(**ip) && !external(ip.is_ipv6())) {
        notes.push(format!(
            "Clients are told the relay address {ip}, which the internet cannot reach. Behind 1:1 NAT, add external_ip."
        ));
    }
    if settings.listen_tls.is_empty() {
        notes.push("No listen_tls: clients behind proxies that pass only TLS cannot reach the relay.".into());
    }
    for net in settings
        .allow_peer
        .iter()
        .filter(|net| net.contains(&std::net::IpAddr::from([127, 0, 0, 1])) || net.prefix_len() == 0)
    {
        notes.push(format!("allow_peer {net} lets every user of the relay reach this host's own loopback services."));
    }
    if let Some(admin) = settings.admin.filter(|admin| admin.ip().is_unspecified() || is_public(admin.ip())) {
        notes.push(format!("The admin endpoint {admin} may be reachable from outside, and it has no password."));
    }
    let ports = usize::from(*settings.relay_ports.end() - *settings.relay_ports.start()) + 1;
    let relayed = ports * settings.relay_ip.len();
    if relayed < settings.limits.allocations as usize {
        notes.push(format!(
            "limits.allocations is {}, but there are only {relayed} relayed ports.",
            settings.limits.allocations
        ));
    }
    notes
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

//! The configuration as it is shown: each value and where it came from.

use muster_relay::config::table as relay_table;
use serde_json::{Map, Value, json};

use super::{Loaded, Origin, table};

/// For people, and for a file: lines of TOML with the origin as a comment.
pub fn as_text(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut is_in_limits = false;
    for setting in table::settings() {
        let path = setting.path();
        let key = path.strip_prefix("limits.");
        if key.is_some() && !is_in_limits {
            is_in_limits = true;
            text.push_str("\n[limits]\n");
        }
        let shown = setting.view(&loaded.settings);
        let is_bare = shown == "true" || shown == "false" || shown.parse::<u64>().is_ok();
        let value = if is_bare { shown } else { format!("{shown:?}") };
        let origin = loaded.origins.get(path).unwrap_or(&Origin::Default);
        let hidden = if setting.is_secret { "# " } else { "" };
        text.push_str(&format!("{hidden}{} = {value}  # {origin}\n", key.unwrap_or(path)));
    }
    if let Some(relay) = &loaded.settings.relay {
        text.push_str("\n[relay]\n");
        for setting in relay_table::settings() {
            let origin = relay.origins.get(setting.path()).unwrap_or(&Origin::Default);
            let shown = setting.view(&relay.settings);
            // A value that nobody set is none, and a secret is not shown.
            let hidden = if setting.kind.is_secret() || shown.is_null() { "# " } else { "" };
            text.push_str(&format!("{hidden}{} = {shown}  # {origin}\n", setting.path()));
        }
    }
    text
}

/// For programs: by the setting, the value and its origin.
pub fn as_json(loaded: &Loaded) -> Value {
    let rows = table::settings().iter().map(|setting| {
        let origin = loaded.origins.get(setting.path()).unwrap_or(&Origin::Default);
        let row = json!({ "value": setting.view(&loaded.settings), "origin": origin.to_string() });
        (setting.path().to_owned(), row)
    });
    let mut all: Map<String, Value> = rows.collect();
    if let Some(relay) = &loaded.settings.relay {
        let rows = relay_table::settings().iter().map(|setting| {
            let origin = relay.origins.get(setting.path()).unwrap_or(&Origin::Default);
            let row = json!({ "value": setting.view(&relay.settings), "origin": origin.to_string() });
            (format!("relay.{}", setting.path()), row)
        });
        all.extend(rows);
    }
    Value::Object(all)
}

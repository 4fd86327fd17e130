//! The settings of the environment.

use std::{ffi::OsString, path::PathBuf};

use super::{
    layer::{Given, Layer},
    problem::{Origin, Problem, did_you_mean},
    table::{VARIABLE_PREFIX, settings},
    value::Raw,
};

/// Names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "MUSTER_RELAY_CONFIG";

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) layer: Layer,
    pub(super) config: Option<PathBuf>,
}

/// Reads every variable with our prefix. A list is separated by commas; an empty variable is an empty list, and is
/// as good as absent for a setting that takes one value.
pub(super) fn read(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { continue };
        if name == CONFIG_VARIABLE {
            environment.config = Some(PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty());
            continue;
        }
        let Some(index) = settings().iter().position(|setting| setting.variable() == name) else {
            if !is_service_link(name) {
                problems.push(unknown(name));
            }
            continue;
        };
        let setting = &settings()[index];
        let origin = Origin::Environment(name.to_owned());
        let Some(value) = value.to_str() else {
            problems.push(Problem {
                origin,
                key: setting.path().to_owned(),
                found: "bytes that are not UTF-8".into(),
                allowed: setting.kind.allowed(),
                hint: None,
            });
            continue;
        };
        let values: Vec<&str> = match value {
            "" if setting.is_repeatable() => Vec::new(),
            "" => continue,
            list if setting.is_repeatable() => list.split(',').map(str::trim).collect(),
            one => vec![one],
        };
        let given = values
            .into_iter()
            .map(|text| Given { raw: Raw::Untyped(text.to_owned()), origin: origin.clone() })
            .collect();
        environment.layer.insert(index, given, origin);
    }
    environment
}

/// Kubernetes and container links describe a service called "muster-relay" to every neighbour in variables that begin
/// like ours (`MUSTER_RELAY_SERVICE_HOST`, `MUSTER_RELAY_PORT_3478_UDP_ADDR`). They are not settings, and refusing them
/// would keep the relay from starting for no reason that its operator could see.
fn is_service_link(name: &str) -> bool {
    let rest = &name[VARIABLE_PREFIX.len()..];
    rest == "PORT" || rest == "NAME" || ["SERVICE_", "PORT_", "ENV_"].iter().any(|prefix| rest.starts_with(prefix))
}

fn unknown(name: &str) -> Problem {
    let known = settings().iter().map(|setting| setting.variable()).chain([CONFIG_VARIABLE]);
    // The prefix alone names nothing, and is then all there is to show.
    let key = Some(&name[VARIABLE_PREFIX.len()..]).filter(|key| !key.is_empty()).unwrap_or(name);
    Problem {
        origin: Origin::Environment(name.to_owned()),
        key: key.to_lowercase(),
        found: "an unknown setting".into(),
        allowed: "the variables of the settings that `muster-relay run --help` lists".into(),
        hint: did_you_mean(name, known),
    }
}

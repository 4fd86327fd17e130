//! Errors of scripts as players and reports are told of them.

use muster_scripts::ScriptError;

use crate::door::message::ScriptFault;

impl From<&ScriptError> for ScriptFault {
    fn from(error: &ScriptError) -> Self {
        Self {
            file: error.file.clone(),
            line: error.line,
            message: error.message.clone(),
            hint: error.hint.clone(),
            version: error.version.clone(),
        }
    }
}

/// What a thread said when it broke.
pub(super) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it broke".into())
}

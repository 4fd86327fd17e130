//! What a binary message of a client is.

use muster_schemas::SchemaError;

use crate::code::{ErrorCode, Refusal};

/// A binary message of a client, as far as it can be told without the match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Up<'a> {
    /// What it can read; the synchronisation looks at the rest.
    Hello,
    /// For the rules: a text that may be JSON.
    Message(&'a [u8]),
    /// What has arrived and what it commands, if it is anything; the synchronisation looks at the rest.
    Report,
}

/// What a client hears whose message is not even a report.
pub const NO_MESSAGE: &str = "a binary message is a hello (MUHE), a message of the rules (MUMS) or a report, each a \
                              FlatBuffer; docs/DOORS.md and docs/WIRE.md have their forms";

impl<'a> Up<'a> {
    /// Tells what it is.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`], or [`ErrorCode::TooLarge`] of a message for the rules.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        match bytes.get(4..8) {
            Some(b"MUHE") => Ok(Self::Hello),
            Some(b"MUMS") => match muster_schemas::read_message(bytes) {
                Ok(message) => Ok(Self::Message(message.data().bytes())),
                Err(error) => {
                    let is_large = matches!(error, SchemaError::TooLarge { .. });
                    let code = if is_large { ErrorCode::TooLarge } else { ErrorCode::Malformed };
                    Err(Refusal::because(code, &error.to_string()))
                }
            },
            Some([b'M', b'U', ..]) => Err(ErrorCode::Malformed.into()),
            _ => Ok(Self::Report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_tell_messages_apart() {
        assert_eq!(Up::read(b"\x04\0\0\0MUHE"), Ok(Up::Hello));
        for report in [&b""[..], b"\x04\0\0\0mums", b"\x04\0\0\0\0\0\0\0"] {
            assert_eq!(Up::read(report), Ok(Up::Report));
        }
        for wrong in [&b"\x04\0\0\0MUXX"[..], b"\x04\0\0\0MUMS", b"\xff\xff\xff\xffMUMS"] {
            assert_eq!(Up::read(wrong).map_err(|refusal| refusal.code), Err(ErrorCode::Malformed));
        }
        let large = [&b"\x04\0\0\0MUMS"[..], &[0; 20_000]].concat();
        let refusal = Up::read(&large).expect_err("it is longer than any message may be");
        assert_eq!(refusal.code, ErrorCode::TooLarge);
        assert!(refusal.message.contains("16448"), "it says how long it may be: {refusal}");
    }
}

//! A real Colyseus server, and as much of its protocol as clients need that look on and speak.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tungstenite::Message;

use crate::{
    program::{Folder, Program},
    row::Plan,
    web::{Http, Socket},
};

/// The first byte of messages: a client has joined, and has heard so.
const JOIN_ROOM: u8 = 10;
/// A message of a member or to one: a name, then MessagePack.
const ROOM_DATA: u8 = 13;
/// What has changed of the room's state.
const ROOM_STATE_PATCH: u8 = 15;

/// A running server.
pub(crate) struct Colyseus {
    pub(crate) program: Program,
    http: Http,
}

impl Colyseus {
    /// Starts it; `None` if the run is without it.
    ///
    /// # Errors
    /// When its packages or Node.js are not there, or it does not start.
    pub(crate) fn start(plan: &Plan) -> Result<Option<Self>> {
        let Some(folder) = &plan.colyseus else { return Ok(None) };
        ensure!(
            folder.join("node_modules").exists(),
            "Colyseus is needed: npm install --omit=optional --no-save in {}, or choose --without-colyseus",
            folder.display()
        );
        let command = ["node".into(), folder.join("rooms.mjs").into_os_string()];
        let environment = [("NODE_ENV", "production".to_owned())];
        let program = Program::start(plan.server_core, &command, &environment, Folder::new()?, |line| {
            let port = line.strip_prefix("colyseus: ")?.parse::<u16>().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        })?;
        let http = Http::open(program.address)?;
        Ok(Some(Self { program, http }))
    }

    /// A new client that is in a room of a kind.
    ///
    /// # Errors
    /// When it is not let in.
    pub(crate) fn join(&mut self, client: usize, room: &str, buffer: usize) -> Result<Socket> {
        let seat = self.http.post(&format!("/matchmake/joinOrCreate/{room}"), &json!({}))?;
        let part = |name: &str| seat[name].as_str().with_context(|| format!("a seat has a {name}"));
        let path = format!("/{}/{}?sessionId={}", part("processId")?, part("roomId")?, part("sessionId")?);
        let mut socket = Socket::open(self.program.address, &path, client, buffer)?;
        loop {
            if let Message::Binary(bytes) = socket.wait()?
                && bytes.first() == Some(&JOIN_ROOM)
            {
                socket.send_bytes(&[JOIN_ROOM])?;
                return Ok(socket);
            }
        }
    }
}

/// Whether a message tells what has changed in a room.
pub(crate) fn is_patch(bytes: &[u8]) -> bool {
    bytes.first() == Some(&ROOM_STATE_PATCH)
}

/// Whether a message is one of the room's rules.
pub(crate) fn is_data(bytes: &[u8]) -> bool {
    bytes.first() == Some(&ROOM_DATA)
}

/// That a player wants a velocity: an array of two numbers.
pub(crate) fn velocity(x: f32, y: f32) -> Vec<u8> {
    let mut bytes = vec![ROOM_DATA, 0xa1, b'v', 0x92, 0xca];
    bytes.extend(x.to_be_bytes());
    bytes.push(0xca);
    bytes.extend(y.to_be_bytes());
    bytes
}

/// A text to be said back.
///
/// # Errors
/// When it is longer than 255 bytes.
pub(crate) fn echo(text: &str) -> Result<Vec<u8>> {
    let length = u8::try_from(text.len()).context("the text is short")?;
    let mut bytes = vec![ROOM_DATA, 0xa1, b'e', 0xd9, length];
    bytes.extend(text.as_bytes());
    Ok(bytes)
}

/// The version of a package of it that is installed.
pub(crate) fn version(folder: &Path, package: &str) -> String {
    let text = std::fs::read_to_string(folder.join("node_modules/@colyseus").join(package).join("package.json"));
    let parsed: Option<serde_json::Value> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
    parsed.and_then(|parsed| Some(parsed["version"].as_str()?.to_owned())).unwrap_or_else(|| "not there".into())
}

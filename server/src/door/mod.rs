//! Where players come in: HTTP, WebSocket and WebRTC, and what each of them may do.

pub mod allowance;
pub mod binary;
mod gathering;
pub mod http;
pub mod line;
pub mod message;
pub mod network;
pub mod page;
mod patience;
pub mod pump;
pub mod rtc;
mod session;
pub(crate) mod sockets;
pub mod websocket;

//! Where players come in: HTTP, WebSocket and WebRTC, and what each of them may do.

pub mod allowance;
pub mod binary;
pub mod connection;
pub mod gathering;
pub mod http;
pub mod line;
pub mod message;
pub mod network;
pub mod page;
mod patience;
pub mod pump;
pub mod rtc;

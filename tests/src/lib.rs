//! Tests that span crates: the real `muster-relay` program, driven by clients that others wrote and by a small one of
//! our own.
//!
//! [`relay::Relay`] starts the program on ports that no other test holds ([`ports`]), waits until it says it is ready,
//! and reads its counters ([`metrics`]). The clients are coturn's (`turnutils_uclient`, `turnutils_peer`), headless
//! Chromium ([`browser`]), aioice and aiortc ([`python`]), `openssl s_client`, and [`client::Client`], a blocking TURN
//! client for the behaviours that none of them can be asked for.
//!
//! **Nothing here waits without a deadline, and nothing is skipped: a missing program fails the test and says how to
//! install it.** Whatever a test starts is ended, by its process id, when its owner is dropped.

#![forbid(unsafe_code)]

pub mod browser;
pub mod certificate;
pub mod client;
pub mod credentials;
pub mod deadline;
pub mod echo;
pub mod matrix;
pub mod metrics;
pub mod openssl;
pub mod ports;
pub mod process;
pub mod program;
pub mod python;
pub mod relay;
pub mod scratch;
pub mod storm;
pub mod uclient;
pub mod wire;

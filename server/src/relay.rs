//! The relay in this process, and what players are told of it.
//!
//! **Players without a relay still play**, so that one that does not start is a line in the log and not the end.

use std::{
    net::{TcpListener, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use muster_relay::{
    announcement,
    supervisor::{self, Relay},
    turn::credentials::ephemeral,
};
use serde::Serialize;

use crate::config::{Settings, TurnRelay};

/// A relay, as a browser's `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct IceServer {
    /// Where it is.
    pub urls: Vec<String>,
    /// Until when the credential is good, and for whom.
    pub username: String,
    /// The password.
    pub credential: String,
}

/// What is known of relays.
pub struct Turn {
    running: Option<Running>,
    urls: Vec<String>,
    secret: String,
    lifetime: Duration,
}

struct Running {
    relay: Arc<Relay>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Turn {
    /// Starts the relay, if there is to be one here. It waits a moment for ports that another process is about to give up.
    pub fn start(settings: &Settings) -> Self {
        let lifetime = settings.turn_lifetime;
        let nobody = Self { running: None, urls: Vec::new(), secret: String::new(), lifetime };
        let Some(TurnRelay { settings: relay, may_move, .. }) = settings.relay.as_deref() else { return nobody };
        let (mut relay, mut urls) = (relay.clone(), settings.turn_urls.clone());
        let Some(secret) = relay.auth_secret.first().cloned() else { return nobody };
        if !settings.turn {
            return Self { running: None, urls, secret, lifetime };
        }
        if *may_move {
            for address in &mut relay.listen {
                // A second server on this machine has another port.
                match free_port(address.ip(), address.port()) {
                    Ok(port) => address.set_port(port),
                    Err(error) => tracing::debug!(%error, "no port is free for the relay"),
                }
            }
        }
        match supervisor::start(&relay) {
            Ok((running, threads)) => {
                if urls.is_empty() {
                    urls = announcement::urls(&relay);
                }
                tracing::info!(driver = running.driver(), ?urls, "the relay runs");
                Self { running: Some(Running { relay: running, threads: threads.into() }), urls, secret, lifetime }
            }
            Err(error) => {
                tracing::error!(%error, "the relay cannot start; players do without it");
                nobody
            }
        }
    }

    /// What a player is told: nothing if there is no relay, or if it has stopped.
    pub fn ice_servers(&self, player: &str, now: SystemTime) -> Vec<IceServer> {
        if self.urls.is_empty() || self.running.as_ref().is_some_and(|running| running.relay.stopped_workers() > 0) {
            return Vec::new();
        }
        let until = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + self.lifetime;
        let (username, credential) = ephemeral(&self.secret, player, until.as_secs());
        vec![IceServer { urls: self.urls.clone(), username, credential }]
    }

    /// What it counts, as OpenMetrics' text; empty if none runs here.
    pub fn metrics(&self) -> String {
        self.running.as_ref().map_or_else(String::new, |running| running.relay.metrics())
    }

    /// Lets nobody new in.
    pub fn drain(&self) {
        if let Some(running) = &self.running {
            running.relay.drain();
        }
    }

    /// Ends it.
    pub fn stop(&self) {
        let Some(running) = &self.running else { return };
        running.relay.stop();
        for thread in running.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the relay had broken before its end");
            }
        }
    }
}

/// The port if it is free for UDP and TCP, or one that is.
fn free_port(ip: std::net::IpAddr, port: u16) -> std::io::Result<u16> {
    let is_free = |port: u16| -> std::io::Result<u16> {
        let udp = UdpSocket::bind((ip, port))?;
        let port = udp.local_addr()?.port();
        TcpListener::bind((ip, port)).map(|_| port)
    };
    is_free(port).or_else(|_| is_free(0))
}

#[cfg(test)]
mod tests {
    use muster_relay::turn::{credentials::Credentials, integrity::PasswordAlgorithm};

    use super::*;

    #[test]
    fn credentials_are_such_as_the_relay_believes_for_their_time() {
        let turn = Turn {
            running: None,
            urls: vec!["turn:192.0.2.1:3478?transport=udp".into()],
            secret: "c2hhcmVkIHNlY3JldA".into(),
            lifetime: Duration::from_secs(3600),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let [server] = &turn.ice_servers("g-1", now)[..] else { panic!("there is one relay") };
        assert_eq!(server.username, "1700003600:g-1");
        let believed = Credentials::new("muster", &[], std::slice::from_ref(&turn.secret));
        assert_eq!(believed.account(&server.username), "g-1");
        let keys = |unix_s| believed.keys(&server.username, PasswordAlgorithm::Sha256, unix_s);
        assert_eq!((keys(1_700_003_600).count(), keys(1_700_003_601).count()), (1, 0));
    }
}

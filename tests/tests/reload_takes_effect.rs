//! Goal: what docs/SETTINGS.md marks as live is in force in the running process after SIGHUP: the drain's deadline, the
//! idle timeout, the limit of allocations, the ranges of peers.
//! Method: the old value is seen to rule, the configuration file is rewritten, SIGHUP sent, and the new value is seen to
//! rule.

use std::{io::Read, net::TcpStream, time::Duration};

use muster_tests::{
    client::{Client, RequestError},
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    process::Signal,
    relay::{Relay, Setup},
    wire::Via,
};

/// Far below every old value and far above every new one.
const SOON: Duration = Duration::from_secs(15);

fn reload(relay: &mut Relay, config: &str) {
    let reloads = |relay: &Relay| relay.metrics().labelled("muster_relay_reloads_total", &[("result", "ok")]);
    let before = reloads(relay);
    relay.rewrite_config(config);
    relay.signal(Signal::Hup);
    deadline::until(SOON, "the configuration is read again", || (reloads(relay) > before).then_some(()));
}

fn newcomer(relay: &Relay) -> Result<Client, RequestError> {
    let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, relay.account())?;
    client.allocate(Family::V4)?;
    Ok(client)
}

#[test]
fn of_the_deadline_of_a_drain() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).config("drain_deadline_s = 3600\n").start();
        let _live = newcomer(&relay).unwrap();
        reload(&mut relay, "drain_deadline_s = 1\n");
        relay.signal(Signal::Term);
        assert!(relay.wait(SOON).success(), "{case}");
    }
}

#[test]
fn of_the_idle_timeout() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).config("[limits]\nidle_timeout_s = 3600\n").start();
        reload(&mut relay, "[limits]\nidle_timeout_s = 1\n");
        // A worker takes the new settings at its next turn; what it accepted before that has the old ones.
        deadline::until(SOON, &format!("{case}: a silent connection is closed"), || {
            let mut silent = TcpStream::connect(relay.address(Family::V4)).unwrap();
            silent.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
            match silent.read(&mut [0; 16]) {
                Ok(length) => length == 0,
                Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
            }
            .then_some(())
        });
    }
}

#[test]
fn of_the_limit_of_allocations() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).config("[limits]\nallocations = 2\n").start();
        let mut served = vec![newcomer(&relay).unwrap(), newcomer(&relay).unwrap()];
        assert_eq!(newcomer(&relay).unwrap_err().code(), Some(508), "{case}");
        reload(&mut relay, "[limits]\nallocations = 20\n");
        // A worker takes the new settings at its next turn.
        served.push(deadline::until(SOON, "a third client is served", || newcomer(&relay).ok()));
        while served.len() < 20 {
            served.push(newcomer(&relay).unwrap_or_else(|error| panic!("{case}, after {}: {error}", served.len())));
        }
        assert_eq!(newcomer(&relay).unwrap_err().code(), Some(508), "{case}: the new limit rules too");

        reload(&mut relay, "[limits]\nallocations = 2\n");
        assert_eq!(relay.metrics().allocations(), 20, "{case}: a lower limit ends nobody");
        drop(served);
    }
}

#[test]
fn of_the_ranges_of_peers() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).peers_from_file().config("allow_peer = []\n").start();
        let echo = Echo::start(Family::V4);
        let mut client = newcomer(&relay).unwrap();
        assert_eq!(client.bind(0x4001, echo.address()).unwrap_err().code(), Some(403), "{case}");
        reload(&mut relay, "allow_peer = [\"127.0.0.0/8\"]\n");
        deadline::until(SOON, "the peer is open", || client.bind(0x4001, echo.address()).ok());
        Echo::answers(&mut client, 0x4001, b"through the opened range").unwrap();
    }
}

//! Goal: a shared secret is replaced without touching a live flow. While two secrets are set, both let clients in; once
//! the old one is gone, it lets nobody in (401), and the flow that began with it still carries data.
//! Method: the configuration file is rewritten and SIGHUP sent, twice.

use std::time::Duration;

use muster_tests::{
    client::{Client, RequestError},
    credentials::Account,
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    process::Signal,
    relay::{Relay, Setup},
    wire::Via,
};

const SOON: Duration = Duration::from_secs(10);

/// Tries to allocate with `secret`; the code of the refusal, if there was one. The allocation is ended at once.
fn refusal(relay: &Relay, secret: &str) -> Option<u16> {
    let account = Account::ephemeral(secret, "carol", 600);
    let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, account).unwrap();
    match client.allocate(Family::V4) {
        Ok(_) => {
            client.refresh(0).unwrap();
            None
        }
        Err(RequestError::Refused(refusal)) => Some(refusal.code),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_old_secret_goes_and_its_flow_stays() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).credentials_from_file().config("auth_secret = [\"old\"]\n").start();
        let echo = Echo::start(Family::V4);
        let account = Account::ephemeral("old", "carol", 600);
        let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, account).unwrap();
        client.allocate(Family::V4).unwrap();
        client.bind(0x4002, echo.address()).unwrap();
        Echo::answers(&mut client, 0x4002, b"with one secret").unwrap();
        assert_eq!(refusal(&relay, "new"), Some(401), "{case}");

        relay.rewrite_config("auth_secret = [\"new\", \"old\"]\n");
        relay.signal(Signal::Hup);
        deadline::until(SOON, "the new secret is taken", || refusal(&relay, "new").is_none().then_some(()));
        assert_eq!(refusal(&relay, "old"), None, "{case}: both are valid during the rotation");
        Echo::answers(&mut client, 0x4002, b"with two secrets").unwrap();

        relay.rewrite_config("auth_secret = [\"new\"]\n");
        relay.signal(Signal::Hup);
        deadline::until(SOON, "the old secret is refused", || (refusal(&relay, "old") == Some(401)).then_some(()));
        assert_eq!(refusal(&relay, "new"), None, "{case}");
        Echo::answers(&mut client, 0x4002, b"without its secret").unwrap();
    }
}

#[test]
fn a_broken_configuration_changes_nothing() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).credentials_from_file().config("auth_secret = [\"old\"]\n").start();
        relay.rewrite_config("auth_secret = [\"new\"\n");
        relay.signal(Signal::Hup);
        deadline::until(SOON, "the relay names the broken file", || {
            relay.output().contains("relay.toml").then_some(())
        });
        assert!(relay.is_running(), "{case}");
        assert_eq!(refusal(&relay, "old"), None, "{case}");
        assert_eq!(refusal(&relay, "new"), Some(401), "{case}");
    }
}

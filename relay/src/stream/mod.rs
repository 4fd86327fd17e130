//! Clients over TCP and TLS.

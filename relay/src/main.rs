//! The `muster-relay` binary.

fn main() {}

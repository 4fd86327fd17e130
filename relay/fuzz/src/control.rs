//! Operations from several clients on two workers, in any order, with the books checked after each.
//!
//! The driver here carries out what the machines ask for, as the real one does, except that it may answer late: sockets
//! are opened when an operation says so, or at once, and opening may fail. Beside it stands a plain model of who has a
//! permission for whom, made only of the success responses; what is relayed is held against it. At the end every
//! allocation has expired and everything must have come back: ports, quotas, sockets, reservations.

mod driver;
mod operation;

use std::time::Duration;

use arbitrary::Unstructured;

use self::{
    driver::Driver,
    operation::{Operation, Setup},
};

/// Operations of one run; more only make an input slower to understand.
const OPERATIONS_MAX: usize = 64;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let Ok(setup) = input.arbitrary::<Setup>() else { return };
    let mut driver = Driver::new(&setup);
    for _ in 0..OPERATIONS_MAX {
        // Input that has run out yields zeroes and no error.
        if input.is_empty() {
            break;
        }
        let Ok(operation) = input.arbitrary::<Operation>() else { break };
        driver.carry_out(operation);
        driver.assert_books_balance();
    }
    driver.open_all();
    driver.assert_books_balance();
    // An hour and a minute: longer than any lifetime that is granted.
    driver.advance(Duration::from_secs(3_660));
    driver.assert_nothing_left();
}

//! Reports: any bytes are refused or are a report that can be told again; and a server in mid-session takes them or is as it
//! was.

use muster_core::sync::{
    report::{INPUTS_MAX, REPORT_MAX, decode_report, encode_report},
    server::ReportRefusal,
};

use crate::meeting::Meeting;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut inputs = Vec::new();
    match decode_report(bytes, &mut inputs) {
        Ok(header) => {
            assert!(inputs.len() <= INPUTS_MAX);
            let mut again = Vec::new();
            let count = encode_report(&header, &inputs, &mut again);
            assert!(again.len() <= REPORT_MAX);
            let mut back = Vec::new();
            assert_eq!(decode_report(&again, &mut back), Ok(header));
            assert_eq!(back, inputs[..count]);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let mut meeting = Meeting::new();
    let (now, viewer) = (meeting.now_us(), meeting.viewer);
    let stats = meeting.server.stats();
    if let Err(refusal) = meeting.server.receive(viewer, bytes, now) {
        assert!(!matches!(refusal, ReportRefusal::Viewer(_)));
        let after = meeting.server.stats();
        assert_eq!(after.reports_refused, stats.reports_refused + 1);
        assert_eq!((after.viewers, after.groups, after.cells), (stats.viewers, stats.groups, stats.cells));
    }
    for _ in 0..12 {
        meeting.step(|_| true);
    }
}

//! The certificate of TLS: is it there, and for how long is it good?

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Evidence, Finding};
use crate::config::Settings;

const DAY_S: i64 = 86_400;
/// Automatic renewal happens about 30 days before the end; at half of that something has gone wrong.
const SOON_DAYS: i64 = 14;

pub(super) fn examine(settings: &Settings, evidence: &Evidence<'_>) -> Vec<Finding> {
    let check = "certificate";
    let Some(path) = &settings.tls_cert else { return Vec::new() };
    let renew = "renew the certificate, then: systemctl reload muster-relay";
    let end = match (evidence.read)(path) {
        Ok(pem) => not_after(&pem),
        Err(error) => {
            let found = format!("{} cannot be read: {error}", path.display());
            return vec![Finding::fail(check, found, "give the relay's user read access to the file")];
        }
    };
    let Some(end) = end else {
        let found = format!("{} holds no certificate whose end can be read", path.display());
        return vec![Finding::warn(check, found, "openssl x509 -noout -enddate -in FILE")];
    };
    let left_s = end - i64::try_from(evidence.unix_s).unwrap_or(i64::MAX);
    let days = left_s.div_euclid(DAY_S);
    vec![if left_s < 0 {
        Finding::fail(check, format!("ended {} days ago", -days), renew)
    } else if days < SOON_DAYS {
        Finding::warn(check, format!("ends in {days} days"), renew)
    } else {
        Finding::ok(check, format!("good for {days} days"))
    }]
}

/// The end of the first certificate's validity, in seconds since 1970.
fn not_after(pem: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(pem).ok()?;
    let body = text.split_once("-----BEGIN CERTIFICATE-----")?.1.split_once("-----END CERTIFICATE-----")?.0;
    let der = STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?;
    // RFC 5280, 4.1: Certificate { tbsCertificate { [0] version, serial, signature, issuer, validity { from, to } } }.
    let (_, certificate, _) = element(&der)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&0xa0) {
        fields = element(fields)?.2;
    }
    for _serial_signature_issuer in 0..3 {
        fields = element(fields)?.2;
    }
    let (_, validity, _) = element(fields)?;
    let (tag, end, _) = element(element(validity)?.2)?;
    time(tag, std::str::from_utf8(end).ok()?)
}

/// The first DER element: its tag, its contents, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// UTCTime (tag 23, years 1950 to 2049) or GeneralizedTime (tag 24), both in UTC and with seconds: RFC 5280, 4.1.2.5.
fn time(tag: u8, text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, text.len()) {
        (23, 12) => {
            let year: i64 = text[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        (24, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |index: usize| rest[2 * index..2 * index + 2].parse::<i64>().ok();
    let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
    let plausible = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    plausible.then(|| days_since_1970(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second)
}

/// Days of the Gregorian calendar, with years that begin in March so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with openssl for this test; its key was thrown away. It ends 2035-03-01 12:00:00 UTC.
    const PEM: &[u8] = include_bytes!("certificate_for_tests.pem");

    #[test]
    fn the_end_of_a_certificate_is_read() {
        assert_eq!(not_after(PEM), Some(2_056_363_200));
    }

    #[test]
    fn broken_certificates_have_no_end() {
        for end in 0..PEM.len() - 1 {
            // Cut inside the armour's end, the first part may still be whole; what matters is that nothing panics.
            assert!(matches!(not_after(&PEM[..end]), None | Some(2_056_363_200)));
        }
        for der in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x30], &[]] {
            assert_eq!(element(der), None);
        }
    }

    #[test]
    fn times_of_both_forms_are_read() {
        for (tag, text, expect) in [
            (23, "700101000000Z", Some(0)),
            (23, "491231235959Z", Some(2_524_607_999)),
            (24, "20000229120000Z", Some(951_825_600)),
            (24, "21000301000000Z", Some(4_107_542_400)),
            (23, "701301000000Z", None),
            (23, "70010100000Z", None),
            (24, "2000022912000é", None),
            (4, "700101000000Z", None),
        ] {
            assert_eq!(time(tag, text), expect, "{text}");
        }
    }
}

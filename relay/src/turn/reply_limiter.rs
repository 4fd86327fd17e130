//! A limit on answers to networks that have not proved their address, so that nobody uses us to flood a third party.
//!
//! **The table never grows**: a fixed number of buckets is shared by all networks through a keyed hash. Networks that
//! meet in one bucket share its rate, which can only make us answer less; the key keeps an attacker from choosing whom
//! it meets.

use std::net::IpAddr;

use ahash::RandomState;

use super::Now;

/// Buckets of a limiter: 32 KiB in all.
const BUCKETS: usize = 4096;
/// A network that was quiet may have this much of its rate at once.
const BURST_NS: u64 = 2_000_000_000;

/// Answers a second for each source network: a /24 of IPv4, a /48 of IPv6.
#[derive(Debug)]
pub struct ReplyLimiter {
    /// When each bucket will be full again, in nanoseconds of the monotonic clock. One number is a whole token
    /// bucket: the further it lies ahead, the emptier the bucket (the generic cell rate algorithm).
    full_at_ns: Box<[u64]>,
    /// What one answer costs, in nanoseconds; nothing if no answer is allowed.
    cost_ns: Option<u64>,
    hash: RandomState,
}

impl ReplyLimiter {
    /// `per_second` answers a second and network, and twice as many at once; 0 allows none. `key` must be random.
    pub fn new(per_second: u32, key: [u64; 4]) -> Self {
        let cost_ns = 1_000_000_000_u64.checked_div(u64::from(per_second));
        Self {
            full_at_ns: vec![0; BUCKETS].into(),
            cost_ns: cost_ns.map(|cost| cost.max(1)),
            hash: RandomState::with_seeds(key[0], key[1], key[2], key[3]),
        }
    }

    /// Whether an answer to `ip` may be sent at `now`; if so, it is counted.
    pub fn allow(&mut self, ip: IpAddr, now: Now) -> bool {
        let Some(cost_ns) = self.cost_ns else { return false };
        let now_ns = u64::try_from(now.monotonic.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bucket(ip);
        let full_at_ns = self.full_at_ns[bucket].max(now_ns).saturating_add(cost_ns);
        if full_at_ns - now_ns > BURST_NS {
            return false;
        }
        self.full_at_ns[bucket] = full_at_ns;
        true
    }

    fn bucket(&self, ip: IpAddr) -> usize {
        self.hash.hash_one(network(ip)) as usize % BUCKETS
    }
}

/// The source network of an address: the family and the first 24 or 48 bits.
fn network(ip: IpAddr) -> (u8, u64) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => (4, u64::from(ip.to_bits() >> 8)),
        IpAddr::V6(ip) => (6, (ip.to_bits() >> 80) as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: [u64; 4] = [1, 2, 3, 4];

    fn at(ms: u64) -> Now {
        Now { monotonic: Duration::from_millis(ms), unix_s: 0 }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of `asked` answers are allowed at once.
    fn allowed(limiter: &mut ReplyLimiter, from: &str, now: Now, asked: usize) -> usize {
        (0..asked).filter(|_| limiter.allow(ip(from), now)).count()
    }

    #[test]
    fn a_burst_is_two_seconds_worth_and_then_the_rate_holds() {
        for per_second in [1, 3, 7, 200, 1_000] {
            let mut limiter = ReplyLimiter::new(per_second, KEY);
            let burst = 2 * per_second as usize;
            assert_eq!(allowed(&mut limiter, "192.0.2.1", at(5_000), 2 * burst), burst, "{per_second}/s");
            assert_eq!(allowed(&mut limiter, "192.0.2.1", at(6_000), 2 * burst), burst / 2, "{per_second}/s");
            assert_eq!(allowed(&mut limiter, "192.0.2.1", at(60_000), 2 * burst), burst, "a rest fills it, not more");
        }
    }

    #[test]
    fn a_network_shares_its_rate_and_others_do_not() {
        for (first, same, other) in [
            ("192.0.2.1", "192.0.2.255", "192.0.3.1"),
            ("::ffff:192.0.2.1", "192.0.2.7", "::ffff:192.0.3.7"),
            ("2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:2::1"),
        ] {
            let mut limiter = ReplyLimiter::new(1, KEY);
            assert_eq!(allowed(&mut limiter, first, at(0), 5), 2);
            assert_eq!(allowed(&mut limiter, same, at(0), 5), 0, "{same}");
            assert_eq!(allowed(&mut limiter, other, at(0), 5), 2, "{other}");
        }
    }

    #[test]
    fn no_rate_is_no_answer_and_the_largest_rate_does_not_overflow() {
        assert!(!ReplyLimiter::new(0, KEY).allow(ip("192.0.2.1"), at(1_000)));
        let mut limiter = ReplyLimiter::new(u32::MAX, KEY);
        let end = Now { monotonic: Duration::MAX, unix_s: 0 };
        assert!(limiter.allow(ip("192.0.2.1"), at(0)) && limiter.allow(ip("192.0.2.1"), end));
    }

    #[test]
    fn many_networks_use_the_table_evenly_and_it_does_not_grow() {
        let mut limiter = ReplyLimiter::new(1, KEY);
        for network in 0..8 * BUCKETS as u32 {
            limiter.allow(IpAddr::from((network << 8).to_be_bytes()), at(1_000));
        }
        assert_eq!(limiter.full_at_ns.len(), BUCKETS);
        // With eight networks a bucket about one bucket in 3,000 stays empty.
        let unused = limiter.full_at_ns.iter().filter(|full_at_ns| **full_at_ns == 0).count();
        assert!(unused < 16, "{unused} buckets are unused");
        // Another key sends the same networks to other buckets.
        let other = ReplyLimiter::new(1, [5, 6, 7, 8]);
        let moved = (0..256_u32).map(|n| IpAddr::from((n << 8).to_be_bytes()));
        assert!(moved.filter(|ip| limiter.bucket(*ip) != other.bucket(*ip)).count() > 240);
    }
}

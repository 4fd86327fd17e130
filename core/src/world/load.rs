//! How much less is sent when the host cannot keep up.
//!
//! A world has no clock. **What the host says of its time budget is an input like any other**, the only way in which time
//! comes into a world; so a replay of a night on which the server was overloaded makes the same decisions again.

/// The highest rate step: the least is sent.
pub const RATE_STEP_MAX: u8 = 3;

/// A report above this, in thousandths of the budget, is one of overload.
pub const OVERLOAD_PERMILLE: u16 = 900;

/// A report below this, in thousandths of the budget, is one of rest. Between the two nothing changes, and runs of either
/// end, so that a step that has just been taken is not taken back by the relief that it brought.
pub const REST_PERMILLE: u16 = 600;

/// After so many reports of overload, one after the other, the step goes up. It answers within half a second to a host
/// that reports 20 times a second.
pub const OVERLOADS_TO_RISE: u8 = 10;

/// After so many reports of rest, one after the other, the step goes down: three seconds of the same host, since a step
/// down that was too early costs everybody two changes of rate.
pub const RESTS_TO_FALL: u8 = 60;

/// The load that was reported, and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Load {
    step: u8,
    /// How many reports of overload there were since any other; 0 on the highest step.
    overloads: u8,
    /// How many reports of rest there were since any other; 0 on the lowest step.
    rests: u8,
}

impl Load {
    pub(super) fn handle_report(&mut self, permille: u16) {
        let is_overload = permille > OVERLOAD_PERMILLE && self.step < RATE_STEP_MAX;
        let is_rest = permille < REST_PERMILLE && self.step > 0;
        self.overloads = if is_overload { self.overloads + 1 } else { 0 };
        self.rests = if is_rest { self.rests + 1 } else { 0 };
        if self.overloads == OVERLOADS_TO_RISE {
            *self = Self { step: self.step + 1, ..Self::default() };
        } else if self.rests == RESTS_TO_FALL {
            *self = Self { step: self.step - 1, ..Self::default() };
        }
    }

    pub(super) fn step(self) -> u8 {
        self.step
    }

    /// Its three numbers, for snapshots and hashes.
    pub(super) fn parts(self) -> [u8; 3] {
        [self.step, self.overloads, self.rests]
    }

    /// From its numbers; `None` if no reports make them.
    pub(super) fn from_parts([step, overloads, rests]: [u8; 3]) -> Option<Self> {
        let can_be = step <= RATE_STEP_MAX
            && (overloads == 0 || (overloads < OVERLOADS_TO_RISE && step < RATE_STEP_MAX))
            && (rests == 0 || (rests < RESTS_TO_FALL && step > 0))
            && (overloads == 0 || rests == 0);
        can_be.then_some(Self { step, overloads, rests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(load: &mut Load, permille: u16, times: u8) -> u8 {
        for _ in 0..times {
            load.handle_report(permille);
            assert_eq!(Load::from_parts(load.parts()), Some(*load));
        }
        load.step()
    }

    #[test]
    fn the_step_rises_quickly_and_falls_slowly() {
        let mut load = Load::default();
        assert_eq!(report(&mut load, OVERLOAD_PERMILLE + 1, OVERLOADS_TO_RISE - 1), 0);
        assert_eq!(report(&mut load, u16::MAX, 1), 1);
        assert_eq!(report(&mut load, 1000, 5 * OVERLOADS_TO_RISE), RATE_STEP_MAX);
        assert_eq!(report(&mut load, REST_PERMILLE - 1, RESTS_TO_FALL - 1), RATE_STEP_MAX);
        assert_eq!(report(&mut load, 0, 1), RATE_STEP_MAX - 1);
        for step in [1, 0, 0] {
            assert_eq!(report(&mut load, 0, RESTS_TO_FALL), step);
        }
        assert_eq!(load, Load::default());
    }

    #[test]
    fn what_is_neither_ends_every_run() {
        let mut load = Load::default();
        for permille in [OVERLOAD_PERMILLE, REST_PERMILLE, 0, 750] {
            assert_eq!(report(&mut load, 1000, OVERLOADS_TO_RISE - 1), 0);
            assert_eq!(report(&mut load, permille, 1), 0);
        }
        assert_eq!(report(&mut load, 1000, OVERLOADS_TO_RISE), 1);
        for permille in [REST_PERMILLE, OVERLOAD_PERMILLE, 1000] {
            assert_eq!(report(&mut load, 0, RESTS_TO_FALL - 1), 1);
            assert_eq!(report(&mut load, permille, 1), 1);
        }
    }

    #[test]
    fn numbers_that_no_reports_make_are_none() {
        for parts in [[4, 0, 0], [3, 1, 0], [0, 0, 1], [1, 1, 1], [0, 10, 0], [1, 0, 60]] {
            assert_eq!(Load::from_parts(parts), None, "{parts:?}");
        }
    }
}

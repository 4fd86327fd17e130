//! Which packets of a row came: the newest and the 64 before it.

/// How far a packet may be ahead of the newest.
pub(super) const AHEAD_MAX: u32 = 1 << 16;
/// How many packets before the newest are remembered.
const KEPT: u32 = 64;

/// The numbers that came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// The newest; 0 before there is one.
    pub(super) newest: u32,
    /// Which before it came, from the lowest bit.
    pub(super) before: u64,
}

/// What a number is to a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It has not come yet.
    Fresh,
    /// It came before.
    Doubled,
    /// It is too old to know.
    Old,
    /// It is too far ahead, or no number.
    Future,
}

impl Window {
    pub(super) const fn standing(&self, number: u32) -> Standing {
        if number == 0 || number > self.newest.saturating_add(AHEAD_MAX) {
            return Standing::Future;
        }
        if number > self.newest {
            return Standing::Fresh;
        }
        match self.newest - number {
            0 => Standing::Doubled,
            back if back > KEPT => Standing::Old,
            back if self.before >> (back - 1) & 1 == 1 => Standing::Doubled,
            _ => Standing::Fresh,
        }
    }

    /// Notes a fresh number, and returns how many went out of the window without having come.
    pub(super) fn note(&mut self, number: u32) -> u32 {
        let Some(ahead) = number.checked_sub(self.newest).filter(|ahead| *ahead > 0) else {
            self.before |= 1 << (self.newest - number - 1);
            return 0;
        };
        // The newest becomes one of those before; before the first there is none.
        let known = KEPT.min(self.newest.saturating_sub(1));
        let shown = u128::from(self.before) << 1 | u128::from(self.newest != 0);
        let lost = if self.newest == 0 {
            0
        } else if ahead > KEPT {
            let came = self.before.count_ones() + 1;
            (known + 1).saturating_sub(came) + (ahead - 1).saturating_sub(KEPT)
        } else {
            // Places of the window that fall out of it and are of packets that there were.
            let out = u128::MAX << (KEPT - (ahead - 1));
            let were = if known + 1 >= 128 { u128::MAX } else { (1 << (known + 1)) - 1 };
            (out & were & !shown).count_ones()
        };
        self.before = if ahead > KEPT { 0 } else { (shown << (ahead - 1)) as u64 };
        self.newest = number;
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_fresh_once() {
        let mut window = Window::default();
        assert_eq!(window.standing(0), Standing::Future);
        for number in [5, 3, 9, 4, 73, 9 + 63, 20] {
            assert_eq!(window.standing(number), Standing::Fresh, "{number}");
            window.note(number);
            assert_eq!(window.standing(number), Standing::Doubled, "{number}");
        }
        assert_eq!(window.standing(9), Standing::Doubled);
        assert_eq!(window.standing(8), Standing::Old);
        window.note(1000);
        assert_eq!(window.standing(73), Standing::Old);
        assert_eq!(window.standing(1000 + AHEAD_MAX + 1), Standing::Future);
        assert_eq!(window.before, 0);
    }

    #[test]
    fn what_never_came_is_counted_once_it_is_too_old() {
        for gap in [1, 2, 7, 40, 64, 65, 66, 200] {
            let mut window = Window::default();
            let (mut came, mut lost) = (0, 0);
            let mut number = 1;
            while number < 10_000 {
                lost += window.note(number);
                came += 1;
                number += gap;
            }
            let last = window.newest;
            lost += window.note(last + 64);
            // Between the first and the last, all but those that came.
            assert_eq!(came + lost, last, "{gap}");
        }
    }
}

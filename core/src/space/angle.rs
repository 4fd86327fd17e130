//! Angles as sixteen bits of a turn, and their sines from a table.

/// An angle: 65,536 to a turn, 0 along x, growing towards y.
pub type Angle = u16;

/// The sine of a quarter turn in 256 steps, in 2^-15, both ends included: `round(sin(i / 256 * pi / 2) * 32768)`. Kept as
/// integers because a library's sine may differ in its last bit from machine to machine.
const QUARTER: [u16; 257] = quarter();

/// Integrates the circle exactly enough in 2^-60: the rotation by one step is applied 256 times.
const fn quarter() -> [u16; 257] {
    // sin and cos of (pi / 2) / 256, in 2^-60.
    const SIN_STEP: i128 = 7_074_193_361_797_233;
    const COS_STEP: i128 = 1_152_899_801_185_339_687;
    const ONE: i128 = 1 << 60;
    let mut table = [0; 257];
    let (mut sin, mut cos): (i128, i128) = (0, ONE);
    let mut index = 0;
    while index <= 256 {
        table[index] = ((sin * 65536 / ONE + 1) / 2) as u16;
        let next_sin = (sin * COS_STEP + cos * SIN_STEP) / ONE;
        cos = (cos * COS_STEP - sin * SIN_STEP) / ONE;
        sin = next_sin;
        index += 1;
    }
    table
}

/// The sine of an angle, in 2^-15: -32,768 to 32,768.
pub fn sin_q15(angle: Angle) -> i32 {
    let within = i32::from(angle & 0x3fff);
    let (index, part) = ((within >> 6) as usize, within & 63);
    let mirrored = angle & 0x4000 != 0;
    let at = |index: usize| i32::from(QUARTER[index.min(256)]);
    let value = if mirrored {
        let (from, to) = (at(256 - index), at(255usize.saturating_sub(index)));
        from + (((to - from) * part) >> 6)
    } else {
        let (from, to) = (at(index), at(index + 1));
        from + (((to - from) * part) >> 6)
    };
    if angle & 0x8000 != 0 { -value } else { value }
}

/// The cosine of an angle, in 2^-15.
pub fn cos_q15(angle: Angle) -> i32 {
    sin_q15(angle.wrapping_add(0x4000))
}

/// The angle whose tangent is i / 256, for a direction of at most an eighth of a turn. Found in the table of sines by
/// bisection.
const ARCTANGENTS: [u16; 257] = arctangents();

const fn arctangents() -> [u16; 257] {
    let mut table = [0; 257];
    let mut tangent = 0;
    while tangent <= 256 {
        // Both are table values of whole steps and the line between them, as `sin_q15` has it.
        let (mut low, mut high) = (0, 0x2001);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if tangent * quarter_sine(0x4000 - middle) >= 256 * quarter_sine(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        table[tangent as usize] = low as u16;
        tangent += 1;
    }
    table
}

/// The sine of an angle of at most a quarter turn.
const fn quarter_sine(angle: i32) -> i32 {
    let (index, part) = ((angle >> 6) as usize, angle & 63);
    let from = QUARTER[index] as i32;
    let to = if index < 256 { QUARTER[index + 1] as i32 } else { from };
    from + (((to - from) * part) >> 6)
}

/// The angle of a vector, to within one part in 65,536 of a turn and a few; 0 for the null vector.
pub fn angle_of(x: i32, y: i32) -> Angle {
    let (wide, high) = (u64::from(x.unsigned_abs()), u64::from(y.unsigned_abs()));
    let (long, short) = (wide.max(high), wide.min(high));
    if long == 0 {
        return 0;
    }
    // The tangent in 2^-16: the upper bits are the place in the table, the lower the way to the next.
    let tangent = (short << 16) / long;
    let (index, part) = ((tangent >> 8) as usize, tangent & 0xff);
    let from = u64::from(ARCTANGENTS[index]);
    let to = u64::from(ARCTANGENTS[(index + 1).min(256)]);
    let eighth = (from + (((to - from) * part + 128) >> 8)) as u16;
    let quarter = if wide >= high { eighth } else { 0x4000 - eighth };
    match (x >= 0, y >= 0) {
        (true, true) => quarter,
        (false, true) => 0x8000 - quarter,
        (false, false) => 0x8000 + quarter,
        (true, false) => 0u16.wrapping_sub(quarter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_are_those_of_the_circle() {
        for angle in 0..=u16::MAX {
            let radians = f64::from(angle) / 65536.0 * std::f64::consts::TAU;
            let (sin, cos) = (f64::from(sin_q15(angle)) / 32768.0, f64::from(cos_q15(angle)) / 32768.0);
            assert!((sin - radians.sin()).abs() < 1e-4, "{angle}: {sin}");
            assert!((cos - radians.cos()).abs() < 1e-4, "{angle}: {cos}");
        }
    }

    #[test]
    fn the_angle_of_a_direction_comes_back() {
        for angle in (0..=u16::MAX).step_by(7) {
            let back = angle_of(cos_q15(angle) * 30_000, sin_q15(angle) * 30_000);
            let off = back.wrapping_sub(angle) as i16;
            assert!(off.unsigned_abs() <= 8, "{angle}: {back}");
        }
        assert_eq!(angle_of(0, 0), 0);
        assert_eq!(angle_of(0, i32::MIN), 0xc000);
    }
}

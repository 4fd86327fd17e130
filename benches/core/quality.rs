//! How good a scene still is after it has run: a solver that lets discs into each other must not look fast.

use crate::{
    engine::Body,
    scene::{RADIUS_M, Scene, metres},
};

/// The largest gap that still counts as touch, in metres.
const TOUCH_M: f64 = 0.01;

/// What became of a scene's discs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quality {
    /// The kinetic energy, as a share of that at the start; or of that of all discs at full speed, if they began at rest.
    pub(crate) energy_share: f64,
    /// Pairs of discs in touch, or less than [`TOUCH_M`] apart, for each disc.
    pub(crate) contacts_per_disc: f64,
    /// How deep those pairs are in each other, in millimetres: the mean, where a gap counts as 0.
    pub(crate) overlap_mean_mm: f64,
    /// The deepest.
    pub(crate) overlap_max_mm: f64,
    /// Discs whose centre is outside a walled square.
    pub(crate) escaped: usize,
    /// The mean distance from the middle of the square, in metres.
    pub(crate) from_middle_mean_m: f64,
}

impl Quality {
    /// Judges `bodies`, which began as `scene`.
    pub(crate) fn of(scene: &Scene, bodies: &[Body]) -> Self {
        let side = metres(scene.side);
        let energy = |velocities: &mut dyn Iterator<Item = (f64, f64)>| {
            velocities.map(|(x, y)| x.mul_add(x, y * y)).sum::<f64>()
        };
        let now = energy(&mut bodies.iter().map(|body| (body.velocity_x, body.velocity_y)));
        let start = match scene.pull {
            Some(pull) => metres(pull.speed.into()).powi(2) * bodies.len() as f64,
            None => energy(
                &mut scene.discs.iter().map(|disc| (metres(disc.velocity_x.into()), metres(disc.velocity_y.into()))),
            ),
        };
        let overlaps = overlaps(bodies);
        let is_inside = |body: &&Body| (0.0..side).contains(&body.x) && (0.0..side).contains(&body.y);
        let from_middle = bodies.iter().map(|body| (body.x - side / 2.0).hypot(body.y - side / 2.0)).sum::<f64>();
        Self {
            energy_share: now / start,
            contacts_per_disc: overlaps.len() as f64 / bodies.len() as f64,
            overlap_mean_mm: 1_000.0 * overlaps.iter().fold(0.0, |sum, depth| sum + depth)
                / overlaps.len().max(1) as f64,
            overlap_max_mm: 1_000.0 * overlaps.iter().copied().fold(0.0, f64::max),
            escaped: if scene.is_walled { bodies.len() - bodies.iter().filter(is_inside).count() } else { 0 },
            from_middle_mean_m: from_middle / bodies.len() as f64,
        }
    }
}

/// How deep each pair of discs in touch is in each other, in metres; 0 if there is a gap.
fn overlaps(bodies: &[Body]) -> Vec<f64> {
    let reach = 2.0 * RADIUS_M;
    // Sorted along x, a disc's partners are the next few: the scenes are small enough for that.
    let mut sorted: Vec<&Body> = bodies.iter().collect();
    sorted.sort_by(|left, right| left.x.total_cmp(&right.x));
    let mut overlaps = Vec::new();
    for (index, body) in sorted.iter().enumerate() {
        for other in sorted[index + 1..].iter().take_while(|other| other.x - body.x < reach + TOUCH_M) {
            let distance = (other.x - body.x).hypot(other.y - body.y);
            if distance < reach + TOUCH_M {
                overlaps.push((reach - distance).max(0.0));
            }
        }
    }
    overlaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Disc;

    #[test]
    fn energy_overlap_and_escapes_are_seen() {
        let still = |x: f64| Body { x, y: 1.0, velocity_x: 0.0, velocity_y: 0.0 };
        let mut scene = Scene::drift(4, 4.0);
        scene.discs = vec![Disc { x: 0, y: 0, velocity_x: 2 * muster_core::METRE, velocity_y: 0 }; 3];
        let bodies = [still(0.5), Body { velocity_x: 2.0, ..still(1.4) }, still(-3.0)];
        let quality = Quality::of(&scene, &bodies);
        assert!((quality.energy_share - 1.0 / 3.0).abs() < 1e-9);
        assert!((quality.overlap_mean_mm - 100.0).abs() < 1e-6 && (quality.overlap_max_mm - 100.0).abs() < 1e-6);
        assert!((quality.contacts_per_disc - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(quality.escaped, 1);
    }
}

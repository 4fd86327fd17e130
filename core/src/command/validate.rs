//! Whether a command may be carried out.
//!
//! **A command that is refused has changed nothing**: [`check`] reads facts that were gathered before it and gives a
//! verdict; the world acts on the verdict.

use super::{
    Action, Command, Refusal,
    reach::{Extent, is_shorter, is_within},
};
use crate::{WorldConfig, entity::EntityId, space::Position};

/// What a world knows at the beginning of a tick about a command's entity and its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The tick.
    pub tick: u64,
    /// The entity; `None` if it is not alive.
    pub subject: Option<Subject>,
    /// The entity that the action names, see [`Action::target`]; `None` if it names none or that one is not alive.
    pub target: Option<Target>,
}

/// The entity that is commanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subject {
    /// Where it is.
    pub position: Position,
    /// Its form.
    pub extent: Extent,
    /// The player that may command it; 0 is nobody.
    pub owner: u32,
    /// Whether a bot commands its owner's entities now, see [`crate::Input::TakeOver`].
    pub taken_over: bool,
    /// Its side; 0 is nobody's.
    pub team: u16,
    /// Most speed, in units of length a second; the world's limit if 0 or below.
    pub speed_max: i32,
    /// What its drive can do; 0 or below is no drive.
    pub acceleration_max: i32,
    /// Its weapon's number in the world's table, from 1; 0 is none.
    pub weapon: u8,
    /// The column `ready_tick`; see [`is_ready`].
    pub ready_tick: u32,
}

/// The entity that a command is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// How far it is to the right of and above the entity that is commanded; `None` beyond what
    /// [`Position::offset_to`] tells.
    pub offset: Option<(i64, i64)>,
    /// Its form.
    pub extent: Extent,
    /// Its side; 0 is nobody's.
    pub team: u16,
    /// Its health when whole; 0 or below is indestructible.
    pub health_max: i32,
}

/// Whether a weapon is ready in a tick, of the tick, cut to 32 bits, at which it is ready again.
///
/// It is not ready only while that tick is at most a reload away. So a weapon that was never fired, whose `ready_tick`
/// is 0, is ready for ever but for a reload every 2^32 ticks, where a mere comparison would hold it back for half of them.
pub fn is_ready(tick: u64, ready_tick: u32, reload_ticks: u32) -> bool {
    !(1..=reload_ticks).contains(&ready_tick.wrapping_sub(tick as u32))
}

impl Action {
    /// Whether [`Command::rewind`] means something to it.
    pub const fn looks_back(&self) -> bool {
        matches!(self, Self::Attack(_) | Self::Fire { .. } | Self::Use(_))
    }

    /// The entity that the action is about, to gather [`Facts::target`] of; [`EntityId::NULL`] if it needs none.
    pub const fn target(&self) -> EntityId {
        match *self {
            Self::Attack(target) | Self::Use(target) | Self::Custom { target, .. } => target,
            Self::MoveTo(_) | Self::SetVelocity { .. } | Self::Fire { .. } | Self::Stop => EntityId::NULL,
        }
    }
}

/// Checks a command: that its entity lives, is the player's and is about where the player takes it to be, then what the
/// action needs, ability before reach before
/// readiness. How often a player commands is for [`super::Rate`].
///
/// Player 0, the host, and the bots that command in its name own every entity; all else holds for them as well. While a
/// bot has a player's entities, the player owns none of them.
pub fn check(command: &Command, facts: &Facts, config: &WorldConfig) -> Result<(), Refusal> {
    let subject = facts.subject.as_ref().ok_or(Refusal::NoEntity)?;
    if command.player != 0 && (command.player != subject.owner || subject.taken_over) {
        return Err(Refusal::NotOwner);
    }
    if command.sector.is_some_and(|sector| !sector.is_near(subject.position.sector)) {
        return Err(Refusal::WrongSector);
    }
    let weapon = || config.weapons.get(usize::from(subject.weapon).wrapping_sub(1)).ok_or(Refusal::Unable);
    let target =
        || facts.target.as_ref().filter(|_| command.action.target() != command.entity).ok_or(Refusal::NoTarget);
    match command.action {
        Action::Stop => Ok(()),
        Action::MoveTo(place) => {
            subject.must_drive()?;
            let offset = place.is_canonical().then(|| subject.position.offset_to(place)).flatten();
            must_reach(offset, config.reach_max)
        }
        Action::SetVelocity { x, y } => {
            subject.must_drive()?;
            let speed = (u64::from(x.unsigned_abs()), u64::from(y.unsigned_abs()));
            is_shorter(speed, subject.speed_limit(config)).then_some(()).ok_or(Refusal::Speed)
        }
        Action::Attack(_) => {
            let target = target()?;
            let weapon = weapon()?;
            let own_side = subject.team != 0 && subject.team == target.team;
            if target.health_max <= 0 || (own_side && !weapon.friendly_fire) {
                return Err(Refusal::Unable);
            }
            // It need not be in the weapon's range: the order is to go there.
            must_reach(target.offset, config.reach_max)
        }
        Action::Fire { .. } => {
            let weapon = weapon()?;
            is_ready(facts.tick, subject.ready_tick, weapon.reload_ticks).then_some(()).ok_or(Refusal::NotReady)
        }
        Action::Use(_) => {
            let target = target()?;
            let range = i64::from(config.use_range);
            let near = target.offset.is_some_and(|offset| is_within(offset, subject.extent, target.extent, range));
            near.then_some(()).ok_or(Refusal::Reach)
        }
        Action::Custom { target: EntityId::NULL, .. } => Ok(()),
        Action::Custom { .. } => must_reach(target()?.offset, config.reach_max),
    }
}

impl Subject {
    fn must_drive(&self) -> Result<(), Refusal> {
        (self.acceleration_max > 0).then_some(()).ok_or(Refusal::Unable)
    }

    /// Most speed, in units of length a second.
    fn speed_limit(&self, config: &WorldConfig) -> u64 {
        let own = if self.speed_max > 0 { self.speed_max } else { i32::MAX };
        u64::from(own.min(config.speed_max).max(0).unsigned_abs())
    }
}

/// From centre to centre.
fn must_reach(offset: Option<(i64, i64)>, reach: i64) -> Result<(), Refusal> {
    let (x, y) = offset.ok_or(Refusal::Reach)?;
    is_shorter((x.unsigned_abs(), y.unsigned_abs()), reach.max(0).unsigned_abs()).then_some(()).ok_or(Refusal::Reach)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Weapon,
        space::{METRE, SectorId},
    };

    const M: i64 = METRE as i64;
    const SELF: EntityId = EntityId::from_bits(1);
    const OTHER: EntityId = EntityId::from_bits(2);

    /// Weapon 1 spares its own side, weapon 2 does not.
    fn config() -> WorldConfig {
        let weapon = |friendly_fire| Weapon {
            damage: 1,
            range: 10 * METRE,
            reload_ticks: 30,
            projectile_speed: 0,
            projectile_radius: 0,
            hits: 1,
            friendly_fire,
            rewinds: true,
            tracer: false,
        };
        WorldConfig {
            weapons: vec![weapon(false), weapon(true)],
            speed_max: 100 * METRE,
            reach_max: 1000 * M,
            use_range: 2 * METRE,
            ..WorldConfig::default()
        }
    }

    /// An entity of player 7 that can do everything, and an enemy 5 m away.
    fn facts() -> Facts {
        let disc = Extent::new(0, 256, 0);
        Facts {
            tick: 1000,
            subject: Some(Subject {
                position: Position::new(SectorId::new(i64::MAX, 0), 999 * M, 0),
                extent: disc,
                owner: 7,
                taken_over: false,
                team: 1,
                speed_max: 5 * METRE,
                acceleration_max: METRE,
                weapon: 1,
                ready_tick: 1000,
            }),
            target: Some(Target { offset: Some((3 * M, 4 * M)), extent: disc, team: 2, health_max: 10 }),
        }
    }

    fn verdict(player: u32, action: Action, change: impl FnOnce(&mut Subject, &mut Target)) -> Result<(), Refusal> {
        let Facts { tick, subject: Some(mut subject), target: Some(mut target) } = facts() else {
            panic!("both live in the facts of these tests");
        };
        change(&mut subject, &mut target);
        let facts = Facts { tick, subject: Some(subject), target: Some(target) };
        check(&Command { player, entity: SELF, sector: None, action, rewind: 0 }, &facts, &config())
    }

    /// Places so far from the entity of [`facts`].
    fn place(right: i64, up: i64) -> Action {
        Action::MoveTo(facts().subject.expect("it lives").position.offset(right, up))
    }

    fn custom(target: EntityId) -> Action {
        Action::Custom { kind: 1, target, value: 2 }
    }

    fn every_action() -> [Action; 7] {
        [
            place(0, 0),
            Action::SetVelocity { x: 0, y: 0 },
            Action::Attack(OTHER),
            Action::Fire { heading: 0 },
            Action::Stop,
            Action::Use(OTHER),
            custom(OTHER),
        ]
    }

    #[test]
    fn only_the_owner_and_the_host_command_an_entity() {
        for action in every_action() {
            let near = |_: &mut Subject, target: &mut Target| target.offset = Some((0, 0));
            assert_eq!(verdict(7, action, near), Ok(()), "{action:?}");
            assert_eq!(verdict(0, action, near), Ok(()), "{action:?}");
            assert_eq!(verdict(8, action, near), Err(Refusal::NotOwner), "{action:?}");
            assert_eq!(verdict(7, action, |subject, _| subject.owner = 0), Err(Refusal::NotOwner), "{action:?}");
            assert_eq!(
                verdict(7, action, |subject, _| subject.taken_over = true),
                Err(Refusal::NotOwner),
                "{action:?}"
            );
            let bots = |subject: &mut Subject, target: &mut Target| {
                subject.taken_over = true;
                target.offset = Some((0, 0));
            };
            assert_eq!(verdict(0, action, bots), Ok(()), "{action:?}");
            let gone = check(
                &Command { player: 0, entity: SELF, sector: None, action, rewind: 0 },
                &Facts { subject: None, ..facts() },
                &config(),
            );
            assert_eq!(gone, Err(Refusal::NoEntity), "{action:?}");
        }
    }

    #[test]
    fn a_target_is_alive_and_another_entity() {
        for (action, itself) in [
            (Action::Attack(OTHER), Action::Attack(SELF)),
            (Action::Use(OTHER), Action::Use(SELF)),
            (custom(OTHER), custom(SELF)),
        ] {
            let gone = Facts { target: None, ..facts() };
            let command = |action| Command { player: 7, entity: SELF, sector: None, action, rewind: 0 };
            assert_eq!(check(&command(action), &gone, &config()), Err(Refusal::NoTarget), "{action:?}");
            assert_eq!(check(&command(itself), &facts(), &config()), Err(Refusal::NoTarget), "{itself:?}");
        }
        for action in [Action::Attack(EntityId::NULL), Action::Use(EntityId::NULL)] {
            let command = Command { player: 7, entity: SELF, sector: None, action, rewind: 0 };
            assert_eq!(
                check(&command, &Facts { target: None, ..facts() }, &config()),
                Err(Refusal::NoTarget),
                "{action:?}"
            );
        }
        let command = Command { player: 7, entity: SELF, sector: None, action: custom(EntityId::NULL), rewind: 0 };
        assert_eq!(check(&command, &Facts { target: None, ..facts() }, &config()), Ok(()));
    }

    #[test]
    fn places_and_targets_are_within_reach() {
        let cases = [
            (place(1000 * M, 0), Ok(())),
            (place(1000 * M + 1, 0), Err(Refusal::Reach)),
            (place(-600 * M, 800 * M), Ok(())),
            (place(-600 * M, 800 * M + 1), Err(Refusal::Reach)),
            (place(i64::MIN, i64::MAX), Err(Refusal::Reach)),
            (Action::MoveTo(Position { sector: SectorId::new(i64::MAX, 0), x: -1, y: 0 }), Err(Refusal::Reach)),
            (Action::MoveTo(Position { sector: SectorId { x: 0, y: 0, scale: 200 }, x: 0, y: 0 }), Err(Refusal::Reach)),
        ];
        for (action, expected) in cases {
            assert_eq!(verdict(7, action, |_, _| ()), expected, "{action:?}");
        }
        for (offset, far, near) in [
            (Some((1000 * M, 0)), Ok(()), Err(Refusal::Reach)),
            (Some((1000 * M + 1, 0)), Err(Refusal::Reach), Err(Refusal::Reach)),
            (Some((0, 4 * M)), Ok(()), Ok(())),
            (Some((0, 4 * M + 1)), Ok(()), Err(Refusal::Reach)),
            (None, Err(Refusal::Reach), Err(Refusal::Reach)),
        ] {
            let there = |_: &mut Subject, target: &mut Target| target.offset = offset;
            assert_eq!(verdict(7, Action::Attack(OTHER), there), far, "attack at {offset:?}");
            assert_eq!(verdict(7, custom(OTHER), there), far, "custom at {offset:?}");
            assert_eq!(verdict(7, Action::Use(OTHER), there), near, "use at {offset:?}");
        }
    }

    #[test]
    fn speeds_are_below_the_entitys_and_the_worlds_limit() {
        let speed = |x, y| Action::SetVelocity { x, y };
        let cases = [
            (5, speed(3 * METRE, -4 * METRE), Ok(())),
            (5, speed(3 * METRE, -4 * METRE - 1), Err(Refusal::Speed)),
            (5, speed(i32::MIN, i32::MIN), Err(Refusal::Speed)),
            (0, speed(0, 100 * METRE), Ok(())),
            (0, speed(0, 100 * METRE + 1), Err(Refusal::Speed)),
            (-1, speed(0, 100 * METRE), Ok(())),
            (200, speed(0, 100 * METRE + 1), Err(Refusal::Speed)),
        ];
        for (limit, action, expected) in cases {
            let limited = |subject: &mut Subject, _: &mut Target| subject.speed_max = limit * METRE;
            assert_eq!(verdict(7, action, limited), expected, "{action:?} with a limit of {limit} m/s");
        }
    }

    #[test]
    fn an_entity_must_be_able_to() {
        let driveless = |subject: &mut Subject, target: &mut Target| {
            subject.acceleration_max = 0;
            target.offset = Some((0, 0));
        };
        for action in every_action() {
            let drives = matches!(action, Action::MoveTo(_) | Action::SetVelocity { .. });
            let expected = if drives { Err(Refusal::Unable) } else { Ok(()) };
            assert_eq!(verdict(7, action, driveless), expected, "{action:?}");
        }
        for action in [Action::Attack(OTHER), Action::Fire { heading: 1 }] {
            for weapon in [0, 3, 255] {
                assert_eq!(
                    verdict(7, action, |subject, _| subject.weapon = weapon),
                    Err(Refusal::Unable),
                    "{action:?}"
                );
            }
        }
    }

    #[test]
    fn an_attack_spares_its_own_side_and_what_cannot_be_destroyed() {
        for (weapon, own, other, health_max, expected) in [
            (1, 1, 2, 1, Ok(())),
            (1, 1, 1, 1, Err(Refusal::Unable)),
            (2, 1, 1, 1, Ok(())),
            (1, 0, 0, 1, Ok(())),
            (1, 1, 2, 0, Err(Refusal::Unable)),
            (2, 1, 2, -1, Err(Refusal::Unable)),
        ] {
            let verdict = verdict(7, Action::Attack(OTHER), |subject, target| {
                (subject.weapon, subject.team, target.team, target.health_max) = (weapon, own, other, health_max);
            });
            assert_eq!(verdict, expected, "weapon {weapon}, teams {own} and {other}, {health_max} health");
        }
    }

    #[test]
    fn a_weapon_is_ready_once_it_is_reloaded() {
        let cut = 1 << 32;
        for (tick, ready_tick, expected) in [
            (1000, 1000, true),
            (999, 1000, false),
            (970, 1000, false),
            (1001, 1000, true),
            // Ticks are cut to 32 bits: the next one is 2^32.
            (cut - 1, 0, false),
            (cut, 0, true),
            (cut - 1, 29, false),
            // Never fired, half of the numbers later.
            ((1 << 31) + 5, 0, true),
            (cut + (1 << 31) - 5, 0, true),
        ] {
            assert_eq!(is_ready(tick, ready_tick, 30), expected, "tick {tick}, ready in {ready_tick}");
        }
        let fire = Action::Fire { heading: 0 };
        assert_eq!(verdict(7, fire, |subject, _| subject.ready_tick = 1001), Err(Refusal::NotReady));
        assert_eq!(verdict(7, Action::Attack(OTHER), |subject, _| subject.ready_tick = 1001), Ok(()));
    }

    /// The entity of [`facts`] is one column from the end of space, whose neighbours lie beyond it.
    #[test]
    fn a_batch_is_about_entities_in_and_around_its_sector() {
        let verdict = |player, sector| {
            let command = Command { player, entity: SELF, sector: Some(sector), action: Action::Stop, rewind: 0 };
            check(&command, &facts(), &config())
        };
        let home = facts().subject.expect("it lives").position.sector;
        for near in home.neighbours().into_iter().chain([home]) {
            assert_eq!([0, 7].map(|player| verdict(player, near)), [Ok(()); 2], "{near}");
        }
        for (right, up) in [(2, 0), (-2, 1), (0, 2), (1, -2), (1 << 40, 0), (i64::MIN, i64::MIN)] {
            let far = home.step(right, up);
            assert_eq!([0, 7].map(|player| verdict(player, far)), [Err(Refusal::WrongSector); 2], "{far}");
            // Whom it does not belong to is not told where it is.
            assert_eq!(verdict(8, far), Err(Refusal::NotOwner), "{far}");
        }
        // Of other scales it is the square of nine that counts.
        let wide = home.ancestor(3).expect("a larger scale");
        assert_eq!([wide, wide.step(-1, 1)].map(|sector| verdict(7, sector)), [Ok(()); 2]);
        assert_eq!(verdict(7, wide.step(2, 0)), Err(Refusal::WrongSector));
        assert_eq!(verdict(7, SectorId { scale: 64, ..home }), Err(Refusal::WrongSector), "there is no such sector");
    }

    proptest! {
        /// Whatever a hostile player and an odd entity come up with, there is a verdict.
        #[test]
        fn every_command_has_a_verdict(
            numbers in proptest::array::uniform12(any::<i64>()),
            kind in 0..7u8,
            player in 0..3u32,
            alive in any::<[bool; 3]>(),
        ) {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = numbers;
            let position = |x: i64, y: i64, z: i64| Position {
                sector: SectorId { x, y, scale: z as u8 },
                x: (z >> 8) as i32,
                y: (z >> 32) as i32,
            };
            let action = match kind {
                0 => Action::MoveTo(position(a, b, c)),
                1 => Action::SetVelocity { x: a as i32, y: b as i32 },
                2 => Action::Attack(OTHER),
                3 => Action::Fire { heading: a as u16 },
                4 => Action::Stop,
                5 => Action::Use(OTHER),
                _ => custom(OTHER),
            };
            let subject = Subject {
                position: Position::new(SectorId::new(d, e), f, g),
                extent: Extent::new(h as u8, i as u16, j as u16),
                owner: 1,
                taken_over: alive[0],
                team: k as u16,
                speed_max: l as i32,
                acceleration_max: a as i32,
                weapon: b as u8,
                ready_tick: c as u32,
            };
            let target =
                Target { offset: Some((d, e)), extent: Extent::new(f as u8, g as u16, h as u16), team: i as u16, health_max: j as i32 };
            let facts = Facts {
                tick: k.cast_unsigned(),
                subject: alive[1].then_some(subject),
                target: alive[2].then_some(target),
            };
            let verdict = check(&Command { player, entity: SELF, sector: None, action, rewind: 0 }, &facts, &config());
            prop_assert_eq!(verdict == Err(Refusal::NoEntity), !alive[1]);
            if alive[1] && (player == 2 || (player == 1 && alive[0])) {
                prop_assert_eq!(verdict, Err(Refusal::NotOwner));
            }
        }
    }
}

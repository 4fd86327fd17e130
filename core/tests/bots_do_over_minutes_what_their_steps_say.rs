//! Goal: the decisions of bots, one after another, add up to what their behaviours promise: rounds are walked, posts kept,
//! leaders followed, zones taken, and no order is given again and again.
//! Method: a plain without walls, written here, carries orders out at 5 m/s and 60 ticks a second, without physics; bots
//! decide through the public functions alone.

use muster_core::{
    EntityId, METRE, Position, SectorId,
    bot::{Ground, Resource, Sight, Situation, begin, decide, thinks_now},
    command::{Action, Order},
    config::{Behaviour, Step},
    zone::{Captures, Presence},
};

const M: i64 = METRE as i64;
/// Units of length in a tick.
const STRIDE: i64 = 5 * M / 60;
const MINUTE: u64 = 3600;

/// Far out, and near the corner of its sector, so that everything happens across the edges.
fn post() -> Position {
    Position::new(SectorId::new(i64::MAX, i64::MIN), 999 * M, M)
}

struct Body {
    id: EntityId,
    position: Position,
    team: u16,
    health: i32,
    order: Order,
    goal: Position,
    target: EntityId,
    memory: i64,
    behaviour: Option<Behaviour>,
    orders_given: u32,
}

#[derive(Default)]
struct Plain {
    tick: u64,
    bodies: Vec<Body>,
    routes: Vec<Vec<(i32, i32)>>,
    resources: Vec<Resource>,
}

impl Plain {
    /// Adds someone so many metres from the post; `steps` that are empty leave it to the test.
    fn add(&mut self, (right, up): (i64, i64), team: u16, steps: &[Step]) -> usize {
        let position = post().offset(right * M, up * M);
        self.bodies.push(Body {
            id: EntityId::from_bits(self.bodies.len() as u64 + 1),
            position,
            team,
            health: 100,
            order: Order::None,
            goal: position,
            target: EntityId::NULL,
            memory: begin(position),
            behaviour: (!steps.is_empty()).then(|| Behaviour {
                steps: steps.to_vec(),
                sight: 30 * METRE,
                think_ticks: 15,
            }),
            orders_given: 0,
        });
        self.bodies.len() - 1
    }

    fn go(&mut self, body: usize, (right, up): (i64, i64)) {
        (self.bodies[body].order, self.bodies[body].goal) = (Order::MoveTo, post().offset(right * M, up * M));
    }

    /// Metres from the post, rounded down.
    fn place(&self, body: usize) -> (i64, i64) {
        let (x, y) = post().offset_to(self.bodies[body].position).expect("it is near");
        (x.div_euclid(M), y.div_euclid(M))
    }

    /// Metres between two.
    fn distance(&self, one: usize, other: usize) -> f64 {
        let offset = self.bodies[one].position.offset_to(self.bodies[other].position).expect("they are near");
        metres(offset)
    }

    fn step(&mut self) {
        self.tick += 1;
        for body in 0..self.bodies.len() {
            self.think(body);
        }
        for body in 0..self.bodies.len() {
            self.walk(body);
        }
    }

    fn think(&mut self, at: usize) {
        let body = &self.bodies[at];
        let Some(behaviour) = body
            .behaviour
            .as_ref()
            .filter(|behaviour| body.health > 0 && thinks_now(body.id, self.tick, behaviour.think_ticks))
        else {
            return;
        };
        let mut sight = Sight::new(behaviour.sight);
        for other in self.bodies.iter().filter(|other| other.health > 0 && other.team != body.team) {
            let (right, up) = body.position.offset_to(other.position).expect("they are near");
            sight.handle_enemy(other.id, right, up);
        }
        let target = self.bodies.iter().find(|other| other.id == body.target && other.health > 0);
        let situation = Situation {
            seed: 7,
            tick: self.tick,
            id: body.id,
            position: body.position,
            team: body.team,
            health: body.health,
            health_max: 100,
            weapon_range: Some(5 * METRE),
            weapon_is_ready: true,
            order: body.order,
            goal: body.position.offset_to(body.goal),
            target: body.target,
            target_offset: target.and_then(|target| body.position.offset_to(target.position)),
            sight: &sight,
            ground: Ground { origin: post(), routes: &self.routes, resources: &self.resources },
        };
        let (action, memory) = decide(behaviour, &situation, body.memory);
        let body = &mut self.bodies[at];
        body.memory = memory;
        body.orders_given += u32::from(action.is_some());
        match action {
            None => (),
            Some(Action::MoveTo(place)) => (body.order, body.goal) = (Order::MoveTo, place),
            Some(Action::Attack(target)) => (body.order, body.target) = (Order::Attack, target),
            Some(Action::Stop) => body.order = Order::None,
            Some(Action::Fire { .. }) => {
                let hit = sight.nearest_first().first().expect("it fires at someone").id;
                self.hurt(hit);
            }
            Some(other) => panic!("bots do not {other:?}"),
        }
    }

    fn walk(&mut self, at: usize) {
        let body = &self.bodies[at];
        let target = self.bodies.iter().find(|other| other.id == body.target && other.health > 0);
        let (goal, near) = match (body.order, target) {
            (Order::MoveTo, _) => (body.goal, 0),
            (Order::Attack, Some(target)) => (target.position, 5 * M),
            _ => (body.position, 0),
        };
        let hit = target.map(|target| target.id).filter(|_| body.order == Order::Attack);
        let lost = body.order == Order::Attack && hit.is_none();
        let (x, y) = body.position.offset_to(goal).expect("they are near");
        let away = (metres((x, y)) * M as f64) as i64;
        let body = &mut self.bodies[at];
        if away > near.max(STRIDE) {
            body.position = body.position.offset(x * STRIDE / away, y * STRIDE / away);
        } else if let Some(hit) = hit {
            self.hurt(hit);
        } else if body.order == Order::MoveTo || lost {
            body.order = Order::None;
        }
    }

    fn hurt(&mut self, id: EntityId) {
        let body = self.bodies.iter_mut().find(|body| body.id == id).expect("it is there");
        body.health -= 1;
    }
}

fn metres((x, y): (i64, i64)) -> f64 {
    (x as f64).hypot(y as f64) / M as f64
}

#[test]
fn a_patrol_walks_its_rounds_in_order() {
    let corners = [(0, 0), (40, 0), (40, 30), (0, 30)];
    let mut plain = Plain::default();
    plain.routes.push(corners.map(|(x, y)| (x * METRE, y * METRE)).to_vec());
    let bot = plain.add((0, 0), 1, &[Step::Chase, Step::Patrol { route: 0 }]);
    let mut visited = Vec::new();
    for _ in 0..3 * MINUTE {
        plain.step();
        let (x, y) = plain.place(bot);
        let near = corners
            .iter()
            .position(|corner| (x - i64::from(corner.0)).abs() <= 2 && (y - i64::from(corner.1)).abs() <= 2);
        if let Some(corner) = near.filter(|corner| visited.last() != Some(corner)) {
            visited.push(corner);
        }
    }
    // 140 m a round at 5 m/s are 28 s and the time to think.
    assert!(visited.len() >= 20, "{visited:?}");
    assert!(visited.iter().enumerate().all(|(number, corner)| *corner == number % 4), "{visited:?}");
    assert!(plain.bodies[bot].orders_given as usize <= visited.len() + 1, "one order for a place");
}

#[test]
fn a_guard_drives_off_who_comes_near_and_stays_with_its_post() {
    let mut plain = Plain::default();
    let guard = plain.add((0, 0), 1, &[Step::Guard { radius: 10 * METRE }]);
    let thief = plain.add((25, 0), 2, &[]);
    for _ in 0..MINUTE / 6 {
        plain.step();
    }
    assert_eq!((plain.place(guard), plain.bodies[guard].orders_given), ((0, 0), 0), "15 m beyond is not its business");
    plain.go(thief, (4, 3));
    for _ in 0..MINUTE / 6 {
        plain.step();
    }
    assert!(plain.bodies[thief].health < 60, "it was attacked: {}", plain.bodies[thief].health);
    plain.bodies[thief].health = 1_000_000;
    plain.go(thief, (200, 0));
    let mut furthest = 0.0f64;
    for _ in 0..MINUTE {
        plain.step();
        furthest = furthest.max(metres(post().offset_to(plain.bodies[guard].position).expect("it is near")));
    }
    assert!(furthest < 13.0, "it went {furthest} m");
    assert!(metres(post().offset_to(plain.bodies[guard].position).expect("it is near")) < 3.0);
}

#[test]
fn the_hurt_get_away_from_the_whole() {
    let mut plain = Plain::default();
    let hurt = plain.add((0, 0), 1, &[Step::Flee { below_percent: 50 }, Step::Chase]);
    let whole = plain.add((12, 5), 2, &[Step::Guard { radius: 60 * METRE }]);
    plain.bodies[hurt].health = 40;
    for _ in 0..MINUTE {
        plain.step();
    }
    assert!(plain.bodies[hurt].health > 0);
    assert!(plain.distance(hurt, whole) > 30.0, "out of sight: {} m", plain.distance(hurt, whole));
    // Whole again, it comes back to fight as soon as it sees someone.
    plain.bodies[hurt].health = 100_000;
    plain.bodies[hurt].position = plain.bodies[whole].position.offset(20 * M, 0);
    plain.bodies[whole].behaviour = None;
    for _ in 0..MINUTE {
        plain.step();
    }
    assert!(plain.bodies[whole].health <= 0);
}

#[test]
fn a_follower_fights_on_the_way_and_never_forgets_its_leader() {
    let mut plain = Plain::default();
    let leader = plain.add((0, 0), 1, &[]);
    let follower = plain.add((-3, 0), 1, &[Step::Chase, Step::Follow { distance: 6 * METRE }]);
    let enemy = plain.add((60, 10), 2, &[]);
    plain.bodies[follower].target = plain.bodies[leader].id;
    for (number, corner) in [(40, 0), (40, 40), (0, 40), (0, 0)].into_iter().cycle().take(12).enumerate() {
        plain.go(leader, corner);
        for _ in 0..MINUTE / 4 {
            plain.step();
        }
        // It has left its leader to fight, and had the time to come back.
        assert!(plain.distance(leader, follower) < 8.0 || number < 4, "at corner {number}");
    }
    assert!(plain.bodies[enemy].health <= 0);
    assert_eq!(plain.bodies[follower].target, plain.bodies[leader].id);
    assert!(plain.bodies[follower].orders_given < 500, "{} orders", plain.bodies[follower].orders_given);
}

#[test]
fn a_wanderer_stays_about_its_post() {
    let mut plain = Plain::default();
    let bot = plain.add((0, 0), 1, &[Step::Wander { radius: 10 * METRE }]);
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..10 * MINUTE {
        plain.step();
        let (x, y) = plain.place(bot);
        assert!(metres((x * M, y * M)) < 12.5, "({x}, {y})");
        places.insert((x / 4, y / 4));
    }
    assert!(places.len() > 15, "{places:?}");
}

#[test]
fn a_team_of_two_takes_every_zone() {
    let mut plain = Plain::default();
    let zones = [(20, 0), (-15, 10), (0, -30)];
    plain.resources =
        zones.map(|(x, y)| Resource { x: x * METRE, y: y * METRE, radius: 4 * METRE, holder: 0 }).to_vec();
    plain.add((0, 0), 1, &[Step::Capture]);
    plain.add((0, -20), 1, &[Step::Capture]);
    let mut captures = Captures::new([(0, 300); 3]);
    let mut taken = Vec::new();
    for _ in 0..2 * MINUTE {
        plain.step();
        for zone in 0..3u32 {
            let mut presence = Presence::default();
            let (x, y) = zones[zone as usize];
            let centre = post().offset(i64::from(x) * M, i64::from(y) * M);
            for body in &plain.bodies {
                if metres(centre.offset_to(body.position).expect("it is near")) <= 4.0 {
                    presence.handle_entity(body.id, body.team);
                }
            }
            if let Some((team, _)) = captures.handle_presence(zone, presence) {
                taken.push((zone, team));
            }
            plain.resources[zone as usize].holder = captures.holder(zone);
        }
    }
    taken.sort_unstable();
    assert_eq!(taken, [(0, 1), (1, 1), (2, 1)]);
    assert!(plain.bodies.iter().all(|body| body.orders_given < 20));
}

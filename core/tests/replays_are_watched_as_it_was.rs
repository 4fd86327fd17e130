//! Goal: who watches a replay is told, to the byte, what viewers were told when it was recorded, through a night of overload with
//! its lower rates too. Method: a scene is recorded while one viewer is served, with loads that rise and fall; then the file is
//! played, another server serves the same viewer of the player's world, and the packets are compared.

mod mirror;
mod scene;

use mirror::{Mirror, packets};
use muster_core::{
    Execution, Input, METRE, World,
    replay::{Player, Recorder, Replay, Settings, Stepped},
    sync::server::{SyncConfig, SyncServer, View, ViewPoint, ViewerId, ViewerOptions},
};
use scene::{Scene, at};

/// A server with one viewer, and what that was told.
struct Audience {
    server: SyncServer,
    viewer: ViewerId,
    mirror: Mirror,
    packets: Vec<Vec<u8>>,
    /// Shares sent, by second.
    shares: Vec<u64>,
}

impl Audience {
    fn new(world: &World) -> Self {
        let config = SyncConfig { update_ticks: 1, ..SyncConfig::default() };
        let mut server = SyncServer::new(config.clone(), world).expect("valid");
        let viewer = server.add_viewer(&ViewerOptions::default()).expect("room");
        let view = View { point: ViewPoint::Place(at(0, 0)), enter: 100 * METRE, leave: 110 * METRE };
        server.set_views(viewer, &[view]).expect("a view");
        Self { server, viewer, mirror: Mirror::new(&config), packets: Vec::new(), shares: Vec::new() }
    }

    fn watch(&mut self, world: &World) {
        assert!(self.server.tick(world));
        for packet in packets(&mut self.server, world, self.viewer) {
            self.mirror.receive(&packet);
            self.packets.push(packet);
        }
        self.server.receive(self.viewer, &self.mirror.report(), 0).expect("a report");
        let second = (world.tick() / 60) as usize;
        self.shares.resize(second + 1, self.server.stats().shares_sent);
        self.shares[second] = self.server.stats().shares_sent;
    }
}

#[test]
fn the_packets_of_a_replay_are_those_of_the_night() {
    let mut scene = Scene::of(11, 90);
    let mut world = scene.world(Execution::default());
    let mut recorder = Recorder::new(&world, Settings::default());
    let mut file = Vec::new();
    let mut live = Audience::new(&world);
    let mut steps = Vec::new();
    for tick in 0..900u64 {
        for input in scene.inputs(&world) {
            let _ = recorder.apply(&mut world, &input);
        }
        let permille = if (300..600).contains(&tick) { 1500 } else { 200 };
        recorder.apply(&mut world, &Input::Load { permille }).expect("any load");
        recorder.apply(&mut world, &Input::Step).expect("a step");
        live.watch(&world);
        steps.push(world.rate_step());
        file.extend_from_slice(recorder.pending());
        recorder.consume(recorder.pending().len());
    }
    recorder.finish();
    file.extend_from_slice(recorder.pending());

    let replay = Replay::open(&file).expect("as recorded");
    let execution = Execution { shards: 3, ..Execution::default() };
    let mut player = Player::new(replay, None, execution).expect("as recorded");
    let mut again = Audience::new(player.world());
    while player.step().expect("as recorded") != Stepped::End {
        again.watch(player.world());
    }
    assert_eq!(live.packets.len(), again.packets.len());
    assert!(live.packets == again.packets);

    // The load was felt, and forgotten again.
    assert_eq!((steps[200], steps[599], steps[899]), (0, 3, 0));
    let sent = |from: usize, to: usize| live.shares[to] - live.shares[from];
    assert!(sent(7, 9) * 3 < sent(2, 4) * 2, "{} shares under load, {} without", sent(7, 9), sent(2, 4));
}

//! Bytes
use crate::{frame::Frame, peers, row::Plan};
use anyhow::Result;
use muster_benches::{row::Finding, scene::*};
use std::collections::VecDeque;

pub(crate) fn peers_only(plan: &Plan, kinds: &[Kind]) -> Result<Finding> {
    let mut finding = Finding::default();
    for kind in kinds {
        let mut scene = kind.build(11, ONE_THREAD);
        (0..kind.ticks_before()).for_each(|_| scene.step());
        let mut peers = peers::all();
        let mut frames: VecDeque<Frame> = VecDeque::new();
        let (mut moving, mut sums) = (0, vec![0; peers.len()]);
        for _ in 0..(plan.seconds * 20.0) as usize {
            (0..3).for_each(|_| scene.step());
            frames.push_front(Frame::of(scene.world()));
            frames.truncate(3);
            if frames.len() < 3 {
                continue;
            }
            moving += frames[0].moving_since(&frames[1]);
            for (peer, sum) in peers.iter_mut().zip(&mut sums) {
                *sum += peer.bytes(&frames[0], &frames[2]);
            }
        }
        for (peer, sum) in peers.iter().zip(&sums) {
            finding.add(peer.name(), "B", vec![*sum as f64 / moving as f64]);
            println!("{:30} {:30} {:.3}", kind.name(), peer.name(), *sum as f64 / moving as f64);
        }
    }
    Ok(finding)
}

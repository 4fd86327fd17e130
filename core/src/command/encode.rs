//! Commands into bytes, for those who send them: a FlatBuffer `muster.Inputs`.

use muster_schemas::{
    Builder,
    commands::{self, ActionKind, Batch, BatchArgs, Inputs, InputsArgs},
    common::Sector,
};

use super::{Action, Command};
use crate::space::{Position, SECTOR_SIDE, SectorId};

/// Writes commands for a tick (`None`: the next) into a builder, which is cleared first and may be used again and again.
///
/// The order is kept. Neighbours in the list share a batch if they are of one player, look back as far and are of one
/// sector, so a list that is sorted by player, then sector, takes the least bytes: 48 a command. A batch has a sector, and of scale 0: a command
/// that names none is told in the sector of its place or of its neighbours in the list, or in the one at 0, 0; a larger
/// sector is told as the one in its lower left corner.
///
/// A list of more than 20,000 commands or 4000 batches makes a message that [`super::decode_inputs`] refuses for its
/// size.
pub fn encode_inputs<'a>(tick: Option<u64>, commands: &[Command], builder: &'a mut Builder<'_>) -> &'a [u8] {
    builder.reset();
    let mut batches = Vec::new();
    let mut rest = commands;
    while let Some(first) = rest.first() {
        let mut sector = None;
        let together = rest
            .iter()
            .position(|next| (next.player, next.rewind) != (first.player, first.rewind) || !fits(&mut sector, next))
            .unwrap_or(rest.len());
        let (batch, after) = rest.split_at(together);
        let sector = sector.unwrap_or_default();
        let commands = builder.create_vector_from_iter(batch.iter().map(|command| message_of(command, sector)));
        let args = BatchArgs {
            player: first.player,
            rewind: first.rewind,
            sector: Some(&Sector::new(sector.x, sector.y)),
            commands: Some(commands),
        };
        batches.push(Batch::create(builder, &args));
        rest = after;
    }
    let batches = builder.create_vector(&batches);
    let inputs = Inputs::create(builder, &InputsArgs { tick, batches: Some(batches) });
    commands::finish_inputs_buffer(builder, inputs);
    builder.finished_data()
}

/// Whether a command can be told in a batch of `sector`, which the first that has one decides.
fn fits(sector: &mut Option<SectorId>, command: &Command) -> bool {
    let own = match (command.sector, command.action) {
        (Some(own), _) => own.canonical().corner(),
        (None, Action::MoveTo(place)) => place.canonical().sector,
        (None, _) => return true,
    };
    *sector.get_or_insert(own) == own
}

/// How far a place is from the lower left corner of a sector of scale 0. What is too far to be told is as far as can be,
/// which is out of every entity's reach as well.
fn offset(sector: SectorId, place: Position) -> (i64, i64) {
    let (right, up) = sector.steps_to(place.sector);
    let along = |steps: i64, within: i32| {
        let far = if steps < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(i128::from(steps) * i128::from(SECTOR_SIDE) + i128::from(within)).unwrap_or(far)
    };
    (along(right, place.x), along(up, place.y))
}

fn message_of(command: &Command, sector: SectorId) -> commands::Command {
    let mut message = commands::Command::default();
    message.set_entity(command.entity.bits());
    let kind = match command.action {
        Action::MoveTo(place) => {
            let (x, y) = offset(sector, place.canonical());
            message.set_x(x);
            message.set_y(y);
            ActionKind::MoveTo
        }
        Action::SetVelocity { x, y } => {
            message.set_x(x.into());
            message.set_y(y.into());
            ActionKind::SetVelocity
        }
        Action::Attack(target) => {
            message.set_target(target.bits());
            ActionKind::Attack
        }
        Action::Fire { heading } => {
            message.set_heading(heading);
            ActionKind::Fire
        }
        Action::Stop => ActionKind::Stop,
        Action::Use(target) => {
            message.set_target(target.bits());
            ActionKind::Use
        }
        Action::Custom { kind, target, value } => {
            message.set_kind(kind);
            message.set_target(target.bits());
            message.set_value(value);
            ActionKind::Custom
        }
    };
    message.set_action(kind);
    message
}

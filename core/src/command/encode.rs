//! Commands into bytes, for those who send them: a FlatBuffer `muster.Inputs`.

use muster_schemas::{
    Builder,
    commands::{self, ActionKind, Batch, BatchArgs, Inputs, InputsArgs},
    common::Sector,
};

use super::{Action, Command};
use crate::space::SectorId;

/// Writes commands for a tick (`None`: the next) into a builder, which is cleared first and may be used again and again.
///
/// The order is kept. Neighbours in the list share a batch if they are of one player, look back as far and have their places in one
/// sector, so a list that is sorted by player, then sector, takes the least bytes: 48 a command.
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
            .position(|next| {
                (next.player, next.rewind) != (first.player, first.rewind) || !fits(&mut sector, next.action)
            })
            .unwrap_or(rest.len());
        let (batch, after) = rest.split_at(together);
        let sector = sector.unwrap_or_default();
        let commands = builder.create_vector_from_iter(batch.iter().map(message_of));
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

/// Whether an action can be told in a batch that counts from `sector`, which the first place decides.
fn fits(sector: &mut Option<SectorId>, action: Action) -> bool {
    let Action::MoveTo(place) = action else { return true };
    *sector.get_or_insert(place.sector) == place.sector
}

/// Places are told relative to their own sector.
fn message_of(command: &Command) -> commands::Command {
    let mut message = commands::Command::default();
    message.set_entity(command.entity.bits());
    let kind = match command.action {
        Action::MoveTo(place) => {
            message.set_x(place.x.into());
            message.set_y(place.y.into());
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

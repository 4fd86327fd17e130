//! Goal: commands survive the way through bytes unchanged, and bytes that are no commands are refused without a trace.
//! Method: commands made up by proptest go there and back; a good message is cut and flipped at every byte; messages with
//! single faults are written with the generated code.

use muster_core::{
    EntityId, Position, SectorId,
    command::{Action, Command, InputsError, decode_inputs, encode_inputs},
};
use muster_schemas::{
    Builder, Limits, SchemaError,
    commands::{self, ActionKind, Batch, BatchArgs, Inputs, InputsArgs},
};
use proptest::prelude::*;

fn actions() -> impl Strategy<Value = Action> {
    let id = any::<u64>().prop_map(EntityId::from_bits);
    prop_oneof![
        // Few sectors, so that neighbours share one now and then.
        (-1..=1_i64, prop_oneof![Just(i64::MIN), Just(0)], any::<i64>(), any::<i64>())
            .prop_map(|(x, y, right, up)| Action::MoveTo(Position::new(SectorId::new(x, y), right % 99, up % 99))),
        (any::<i64>(), any::<i64>(), any::<i32>(), any::<i32>())
            .prop_map(|(x, y, right, up)| Action::MoveTo(Position::new(SectorId::new(x, y), right.into(), up.into()))),
        (any::<i32>(), any::<i32>()).prop_map(|(x, y)| Action::SetVelocity { x, y }),
        id.clone().prop_map(Action::Attack),
        any::<u16>().prop_map(|heading| Action::Fire { heading }),
        Just(Action::Stop),
        id.clone().prop_map(Action::Use),
        (any::<u16>(), id, any::<i64>()).prop_map(|(kind, target, value)| Action::Custom { kind, target, value }),
    ]
}

fn lists() -> impl Strategy<Value = Vec<Command>> {
    // Few of them, so that neighbours share a batch now and then.
    let sector = prop_oneof![
        (-1..=1_i64, prop_oneof![Just(i64::MIN), Just(0)]).prop_map(|(x, y)| SectorId::new(x, y)),
        (any::<i64>(), any::<i64>()).prop_map(|(x, y)| SectorId::new(x, y)),
    ];
    let command = (0..3_u32, any::<u64>(), proptest::option::of(sector), actions(), 0..3_u8).prop_map(
        |(player, entity, sector, action, rewind)| Command {
            player,
            entity: EntityId::from_bits(entity),
            sector,
            action,
            rewind,
        },
    );
    proptest::collection::vec(command, 0..40)
}

/// Whether a command came back as the one that was told: with a sector in any case, and with its place unless that is
/// further away than any reach, as which it comes back.
fn is_told(told: &Command, back: &Command) -> bool {
    let Some(sector) = back.sector else { return false };
    let is_far = |place| Position::new(sector, 0, 0).offset_to(place).is_none();
    let same_action = match (told.action, back.action) {
        (Action::MoveTo(told), Action::MoveTo(back)) => told == back || (is_far(told) && is_far(back)),
        (told, back) => told == back,
    };
    let same_sector = told.sector.is_none_or(|told| told == sector);
    same_action && same_sector && (told.player, told.entity) == (back.player, back.entity)
}

/// A message with one command of each kind, two players and two sectors.
fn message() -> Vec<u8> {
    let id = EntityId::from_bits(1 << 32 | 5);
    let place = |x| Action::MoveTo(Position::new(SectorId::new(x, -1), 9, 10));
    let actions = [
        place(1),
        Action::SetVelocity { x: -3, y: i32::MAX },
        Action::Attack(id),
        place(2),
        Action::Fire { heading: 0x8000 },
        Action::Stop,
        Action::Use(id),
        Action::Custom { kind: 7, target: EntityId::NULL, value: -1 },
    ];
    let commands: Vec<_> = actions
        .into_iter()
        .zip([1, 1, 1, 1, 2, 2, 2, 2])
        .map(|(action, player)| Command { player, entity: id, sector: None, action, rewind: 0 })
        .collect();
    encode_inputs(Some(77), &commands, &mut Builder::new()).to_vec()
}

/// Decodes into a list that holds something already, and checks that an error leaves it alone.
fn decode(bytes: &[u8]) -> Result<(Option<u64>, Vec<Command>), InputsError> {
    let held = Command { player: 9, entity: EntityId::NULL, sector: None, action: Action::Stop, rewind: 0 };
    let mut out = vec![held];
    let result = decode_inputs(bytes, &mut out);
    assert_eq!(out[0], held);
    if let Err(error) = &result {
        assert_eq!(out.len(), 1, "an error adds nothing");
        assert!(!error.to_string().is_empty());
    }
    result.map(|tick| (tick, out.split_off(1)))
}

proptest! {
    #[test]
    fn commands_are_the_same_behind_the_bytes(tick in any::<Option<u64>>(), commands in lists()) {
        let mut builder = Builder::new();
        // What a builder was used for before leaves no trace.
        let _ = encode_inputs(Some(1), &commands[..commands.len() / 2], &mut builder);
        let (back_tick, back) = decode(encode_inputs(tick, &commands, &mut builder)).expect("it was just encoded");
        prop_assert_eq!((back_tick, back.len()), (tick, commands.len()));
        for (told, back) in commands.iter().zip(&back) {
            prop_assert!(is_told(told, back), "{told:?} {back:?}");
        }
        // What came out of bytes has nothing that bytes cannot say.
        prop_assert_eq!(decode(encode_inputs(tick, &back, &mut builder)), Ok((tick, back)));
    }

    #[test]
    fn many_faults_at_once_are_harmless(faults in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16)) {
        let mut bytes = message();
        for (at, value) in faults {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn every_cut_is_refused() {
    let whole = message();
    assert!(decode(&whole).is_ok());
    for size in 0..whole.len() {
        // The end of a message may be padding, so that what is left is still whole.
        if let Ok(decoded) = decode(&whole[..size]) {
            assert_eq!(Ok(decoded), decode(&whole));
            assert!(whole[size..].iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn every_flipped_bit_gives_commands_or_an_error() {
    let whole = message();
    let mut refused = 0;
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            refused += u32::from(decode(&bytes).is_err());
        }
    }
    assert!(refused > 100, "offsets and kinds are looked at: {refused}");
}

/// A message of one batch with one command.
fn one(change: impl FnOnce(&mut commands::Command)) -> Vec<u8> {
    let mut builder = Builder::new();
    let mut command = commands::Command::default();
    change(&mut command);
    let commands = Some(builder.create_vector(&[command]));
    let batch = Batch::create(&mut builder, &BatchArgs { player: 1, sector: None, commands, rewind: 0 });
    let batches = Some(builder.create_vector(&[batch]));
    let inputs = Inputs::create(&mut builder, &InputsArgs { tick: None, batches });
    commands::finish_inputs_buffer(&mut builder, inputs);
    builder.finished_data().to_vec()
}

#[test]
fn numbers_that_mean_nothing_are_named() {
    for action in 7..=u8::MAX {
        let bytes = one(|command| command.set_action(ActionKind(action)));
        assert_eq!(decode(&bytes), Err(InputsError::Action { batch: 0, command: 0, action }));
    }
    for (x, y) in [(1 << 31, 0), (0, i64::MIN), (-(1 << 31) - 1, 5)] {
        let bytes = one(|command| {
            command.set_action(ActionKind::SetVelocity);
            command.set_x(x);
            command.set_y(y);
        });
        assert_eq!(decode(&bytes), Err(InputsError::Velocity { batch: 0, command: 0 }));
    }
    let error = InputsError::Action { batch: 2, command: 3, action: 9 };
    assert_eq!(error.to_string(), "batches[2].commands[3].action: 9 is no action");
}

#[test]
fn places_far_from_their_sector_are_places() {
    let bytes = one(|command| {
        command.set_x(i64::MIN);
        command.set_y(i64::MAX);
    });
    let (tick, commands) = decode(&bytes).expect("every number is a place");
    assert_eq!(tick, None);
    let Action::MoveTo(place) = commands[0].action else { panic!("{:?}", commands[0]) };
    assert!(place.is_canonical());
    assert_eq!(commands[0].sector, Some(SectorId::new(0, 0)), "a sector that is left out is the one at 0, 0");
    assert_eq!(decode(encode_inputs(None, &commands, &mut Builder::new())), Ok((None, commands)));
}

#[test]
fn messages_beyond_the_limits_are_refused() {
    let size_max = Limits::INPUTS.size_max;
    let large = vec![0; size_max + 1];
    assert_eq!(decode(&large), Err(InputsError::Schema(SchemaError::TooLarge { size: size_max + 1, size_max })));

    // Thousands of batches that are one and the same, whose commands would be counted again and again.
    let mut builder = Builder::new();
    let stop = commands::Command::new(0, 0, 0, 0, 0, 0, 0, ActionKind::Stop);
    let commands = Some(builder.create_vector(&vec![stop; 1000]));
    let batch = Batch::create(&mut builder, &BatchArgs { player: 1, sector: None, commands, rewind: 0 });
    let batches = Some(builder.create_vector(&vec![batch; 4000]));
    let inputs = Inputs::create(&mut builder, &InputsArgs { tick: None, batches });
    commands::finish_inputs_buffer(&mut builder, inputs);
    assert!(matches!(decode(builder.finished_data()), Err(InputsError::Schema(SchemaError::Malformed(_)))));

    // As many batches as are allowed, and one more.
    for (count, is_good) in [(4096, true), (4097, false)] {
        let stops: Vec<_> = (0..count)
            .map(|player| Command { player, entity: EntityId::NULL, sector: None, action: Action::Stop, rewind: 0 })
            .collect();
        assert_eq!(decode(encode_inputs(None, &stops, &mut Builder::new())).is_ok(), is_good, "{count}");
    }
}

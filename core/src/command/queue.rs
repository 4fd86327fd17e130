//! The commands that wait for a tick.

use super::{Command, Rate, Refusal};

/// Commands for the coming tick.
///
/// **They are carried out by player, the host first, and of each player in the order they were given.** So it does not
/// matter in which order the commands of different players arrive, unless there are more than fit.
#[derive(Clone, Debug)]
pub struct Queue {
    waiting: Vec<Waiting>,
    commands_max: u32,
    rate: Rate,
    rate_max: u32,
}

/// A command and its number since the queue was last emptied: what makes a sort stable that needs no memory.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u32,
    command: Command,
}

impl Queue {
    /// Holds up to `commands_max` commands, the host's included, of up to `players_max` players, `rate_max` of each; more
    /// are refused.
    pub const fn new(commands_max: u32, players_max: u32, rate_max: u32) -> Self {
        Self { waiting: Vec::new(), commands_max, rate: Rate::new(players_max), rate_max }
    }

    /// Takes a command, or refuses it because of the player's rate or because there is no more room.
    pub fn handle_command(&mut self, command: Command) -> Result<(), Refusal> {
        let number = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        if number >= self.commands_max {
            return Err(Refusal::Rate);
        }
        self.rate.handle_command(command.player, self.rate_max)?;
        self.waiting.push(Waiting { number, command });
        Ok(())
    }

    /// Gives all commands away, in their order, and begins a new tick. `into` loses what it held.
    pub fn poll_commands(&mut self, into: &mut Vec<Command>) {
        self.waiting.sort_unstable_by_key(|waiting| (waiting.command.player, waiting.number));
        into.clear();
        into.extend(self.waiting.drain(..).map(|waiting| waiting.command));
        self.rate.clear();
    }

    /// How many commands wait.
    pub const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no command waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The commands that wait, in the order they were given, for a snapshot; given to [`Queue::handle_command`] of an empty
    /// queue again they make this one.
    pub fn iter(&self) -> impl Iterator<Item = &Command> {
        self.waiting.iter().map(|waiting| &waiting.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::Action, entity::EntityId};

    fn command(player: u32, heading: u16) -> Command {
        Command { player, entity: EntityId::from_bits(1), sector: None, action: Action::Fire { heading }, rewind: 0 }
    }

    #[test]
    fn commands_are_ordered_by_player_and_then_as_given() {
        let mut queue = Queue::new(100, 10, 10);
        for (heading, player) in [5, 0, 2, 5, 2, 0, 5].into_iter().enumerate() {
            queue.handle_command(command(player, heading as u16)).expect("there is room");
        }
        let mut commands = vec![command(9, 9)];
        assert_eq!(queue.iter().count(), 7);
        queue.poll_commands(&mut commands);
        let order = commands.iter().map(|command| (command.player, command.action)).collect::<Vec<_>>();
        let expected = [(0, 1), (0, 5), (2, 2), (2, 4), (5, 0), (5, 3), (5, 6)];
        assert_eq!(order, expected.map(|(player, heading)| (player, Action::Fire { heading })));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_refused_leaves_no_trace() {
        let mut queue = Queue::new(4, 10, 2);
        let given = [(1, true), (1, true), (1, false), (2, true), (0, true), (0, false), (2, false)];
        for _ in 0..3 {
            for (player, taken) in given {
                let verdict = queue.handle_command(command(player, 0));
                assert_eq!(verdict, if taken { Ok(()) } else { Err(Refusal::Rate) }, "player {player}");
            }
            assert_eq!(queue.len(), 4);
            let mut commands = Vec::new();
            queue.poll_commands(&mut commands);
            assert_eq!(commands.iter().map(|command| command.player).collect::<Vec<_>>(), [0, 1, 1, 2]);
        }
    }
}

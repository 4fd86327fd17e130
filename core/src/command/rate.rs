//! How many commands each player has given in a tick.

use super::Refusal;
use crate::random::mix;

/// Counts the commands of players, from nothing in every tick.
///
/// **What it answers depends on how often it was asked about a player since [`Rate::clear`], and on nothing else**, unless
/// more players command in one tick than it has room for. It grows with the players of a tick, to 16 bytes for each of
/// twice the most of them, and never shrinks, so that ticks allocate nothing once the players have been seen.
#[derive(Clone, Debug)]
pub struct Rate {
    /// A power of two of slots, or none. A player is in the first slot at or after the one that the hash names.
    slots: Vec<Slot>,
    /// Which slots count: the ones of this tick, so that a new tick need not touch them.
    tick: u64,
    players: u32,
    players_max: u32,
}

/// What one player has given in one tick.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// [`Rate::tick`] of when it was taken; 0 is never.
    tick: u64,
    player: u32,
    count: u32,
}

impl Rate {
    /// Slots at first.
    const SLOTS_MIN: usize = 64;

    /// Counts up to `players_max` players in a tick; commands of more are refused.
    pub const fn new(players_max: u32) -> Self {
        Self { slots: Vec::new(), tick: 1, players: 0, players_max }
    }

    /// Begins a tick.
    pub const fn clear(&mut self) {
        self.tick += 1;
        self.players = 0;
    }

    /// Counts one command of a player, of which `commands_max` are allowed in a tick. Player 0, the host, has no rate. A
    /// refused command is not counted.
    pub fn handle_command(&mut self, player: u32, commands_max: u32) -> Result<(), Refusal> {
        if player == 0 {
            return Ok(());
        }
        // At most half of the slots are taken, so that a search soon meets a free one.
        if self.players as usize * 2 >= self.slots.len() {
            self.grow();
        }
        let at = self.slot_of(player);
        let tick = self.tick;
        if self.slots[at].tick != tick {
            if self.players >= self.players_max || commands_max == 0 {
                return Err(Refusal::Rate);
            }
            self.players += 1;
            self.slots[at] = Slot { tick, player, count: 1 };
            return Ok(());
        }
        let count = &mut self.slots[at].count;
        if *count >= commands_max {
            return Err(Refusal::Rate);
        }
        *count += 1;
        Ok(())
    }

    /// How many commands of a player were let through since [`Rate::clear`]; 0 for the host.
    pub fn count(&self, player: u32) -> u32 {
        if self.slots.is_empty() {
            return 0;
        }
        let slot = self.slots[self.slot_of(player)];
        if slot.tick == self.tick { slot.count } else { 0 }
    }

    /// How many players have commanded since [`Rate::clear`], without the host.
    pub const fn players(&self) -> u32 {
        self.players
    }

    /// The slot of a player, or the free one that it would take.
    fn slot_of(&self, player: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = mix(u64::from(player)) as usize & mask;
        while self.slots[at].tick == self.tick && self.slots[at].player != player {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(Self::SLOTS_MIN);
        let old = core::mem::replace(&mut self.slots, vec![Slot::default(); count]);
        for slot in old.into_iter().filter(|slot| slot.tick == self.tick) {
            let at = self.slot_of(slot.player);
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_player_has_its_own_rate_in_each_tick() {
        let mut rate = Rate::new(10);
        for _ in 0..3 {
            for player in [7, 8] {
                assert_eq!(rate.handle_command(player, 2), Ok(()));
                assert_eq!(rate.handle_command(player, 2), Ok(()));
                assert_eq!(rate.handle_command(player, 2), Err(Refusal::Rate));
                assert_eq!(rate.count(player), 2);
            }
            assert_eq!((rate.players(), rate.count(9)), (2, 0));
            rate.clear();
            assert_eq!((rate.players(), rate.count(7)), (0, 0));
        }
    }

    #[test]
    fn the_host_has_no_rate() {
        let mut rate = Rate::new(0);
        for _ in 0..1000 {
            assert_eq!(rate.handle_command(0, 0), Ok(()));
        }
        assert_eq!((rate.players(), rate.count(0)), (0, 0));
        assert_eq!(rate.handle_command(1, 5), Err(Refusal::Rate), "there is room for no player");
    }

    #[test]
    fn no_command_is_allowed_where_none_are() {
        let mut rate = Rate::new(5);
        assert_eq!(rate.handle_command(3, 0), Err(Refusal::Rate));
        assert_eq!(rate.players(), 0);
    }

    /// As many players as there may be, with ids that share their low bits; then the memory stays as it is.
    #[test]
    fn a_full_table_refuses_new_players_and_keeps_the_others() {
        let mut rate = Rate::new(1000);
        let player = |number: u32| (number + 1) << 12;
        for round in 0..3 {
            for number in 0..1000 {
                assert_eq!(rate.handle_command(player(number), 2), Ok(()), "round {round}, player {number}");
            }
            assert_eq!(rate.handle_command(player(1000), 2), Err(Refusal::Rate));
            assert_eq!(rate.handle_command(player(999), 2), Ok(()));
            assert_eq!(rate.handle_command(player(999), 2), Err(Refusal::Rate));
            assert_eq!(rate.slots.len(), 2048);
            rate.clear();
        }
    }
}

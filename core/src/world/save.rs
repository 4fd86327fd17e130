//! A world as bytes, and a world from bytes.
//!
//! The payload of a snapshot is the configuration and then each part of the state, in this order:
//!
//! | part | form |
//! |---|---|
//! | configuration | see `snapshot/config.rs` |
//! | slots | how many (u32), the generation of each (u32); how many are free (u32), then each, the next one last |
//! | entities | how many sectors (u32), then each as in `snapshot/rows.rs`, in the order of sectors |
//! | projectiles | the number of the next one (u64), how many (u32), then each, in the order of their numbers |
//! | commands | how many (u32), then each, by player and then in the order they came in |
//! | players taken over | how many (u32), then each (u32), ascending |
//! | events | for each class what waits for the coming tick, as in `event/waiting.rs` |
//! | places | of the map: who is in each zone, who holds it, which pickups are gone |
//! | battles | who took part in hits of the last second, by sector |
//! | paths | of a world with a map: the paths that are walked, kept or looked for, as in `navigation/service.rs` |
//! | load | if any was reported: the rate step (u8), and how many reports of overload and of rest came last (u8 each) |

use super::{COMMANDS_MAX, World, load::Load};
use crate::{
    Execution, Map, WorldConfig,
    command::{Command, Queue},
    config::PROJECTILE_RADIUS_MAX,
    entity::{Column, Columns, Directory, EntityId, Place},
    hash::{Digest, Part},
    snapshot::{
        Fault, Header, Order, Reader, RestoreError, Writer, config_hash, decode_command, decode_config, decode_sector,
        encode_command, encode_config, encode_sector, past_bytes,
    },
    space::{SECTOR_SIDE, SectorId},
    tick::{message::Shot, partition::Strip, region::Region},
};

/// Bytes of a projectile in a snapshot.
const SHOT_BYTES: usize = 64;

/// Bytes that a command takes at least.
const COMMAND_BYTES_MIN: usize = 13;

/// Bytes of what the host has reported.
const LOAD_BYTES: usize = 3;

/// No world comes so far that it counts beyond this, so that one that is restored counts on without an overflow.
const COUNT_MAX: u64 = 1 << 62;

impl World {
    /// Appends a snapshot of the world. Equal worlds give equal bytes, whatever threads and shards they were worked on
    /// with and however they came to be what they are. Events of the last tick and counters are not state.
    pub fn save(&self, out: &mut Vec<u8>) {
        // Taken apart by name, so that a new field is either written or said not to be state.
        let Self {
            constants,
            execution: _,
            tick,
            directory,
            partition: _,
            shards: _,
            workers: _,
            view: _,
            commands,
            ordered: _,
            taken_over,
            queues,
            events: _,
            new_shots: _,
            stray_shots: _,
            held_open: _,
            vacant: _,
            places,
            battles,
            navigator,
            near: _,
            slots: _,
            marks: _,
            loads: _,
            loads_settled: _,
            path_requests: _,
            paths_done: _,
            dead: _,
            next_shot,
            load,
            stats: _,
        } = self;
        let start = Header::reserve(out);
        let mut writer = Writer::new(out);
        encode_config(&constants.config, &mut writer);
        encode_slots(directory, &mut writer);
        self.encode_entities(&mut writer);
        writer.u64(*next_shot);
        self.encode_shots(&mut writer);
        encode_commands(commands, &mut writer);
        encode_players(taken_over, &mut writer);
        queues.encode(&mut writer);
        places.encode(*tick, &mut writer);
        battles.encode(&mut writer);
        if let Some(navigator) = navigator {
            navigator.encode(&mut writer);
        }
        if *load != Load::default() {
            writer.bytes(&load.parts());
        }
        let map_hash = constants.map.as_ref().map_or(0, Map::hash);
        Header { config_hash: config_hash(&constants.config), map_hash, tick: *tick }.seal(start, out);
    }

    /// A world from a snapshot. It goes on exactly as the saved one did, on as many threads and shards as are wanted.
    ///
    /// The bytes may be anything: what is not a snapshot of a world that can be is refused, with the part, the place and
    /// the reason. Memory is needed for the world that the snapshot's configuration describes. An execution that cannot
    /// be is refused as a fault of the configuration. `map` must be the one that the world was made with.
    pub fn restore(bytes: &[u8], mut map: Option<Map>, execution: Execution) -> Result<Self, RestoreError> {
        let (header, mut reader) = Header::open(bytes)?;
        if header.tick > COUNT_MAX {
            return Err(reader.error(Fault::Value("tick")));
        }
        reader.enter("config");
        let config = decode_config(&mut reader)?;
        if config_hash(&config) != header.config_hash {
            return Err(reader.error(Fault::Hash("configuration")));
        }
        // Pickups that name attributes get their numbers before the map is what the saved world had.
        if let Some(map) = &mut map
            && map.resolve(&config.attributes).is_err()
        {
            return Err(reader.error(Fault::Map));
        }
        if header.map_hash != map.as_ref().map_or(0, Map::hash) {
            return Err(reader.error(Fault::Map));
        }
        reader.enter("slots");
        let directory = decode_slots(&mut reader, &config)?;
        let mut world = Self::new(config, map, execution).map_err(|error| reader.error(Fault::Config(error)))?;
        world.directory = directory;
        world.tick = header.tick;
        reader.enter("entities");
        let sectors = world.decode_entities(&mut reader)?;
        reader.enter("projectiles");
        world.next_shot = reader.u64()?;
        if world.next_shot > COUNT_MAX {
            return Err(reader.error(Fault::Value("next projectile")));
        }
        let shots = world.decode_shots(&mut reader)?;
        world.fill(sectors, shots, &reader)?;
        reader.enter("commands");
        let mut last = None;
        for _ in 0..reader.count("commands", COMMANDS_MAX, COMMAND_BYTES_MIN)? {
            let at = reader.clone();
            let command = decode_command(&mut reader)?;
            if last.is_some_and(|last| last > command.player) {
                return Err(at.error(Fault::Order("commands")));
            }
            last = Some(command.player);
            world.commands.handle_command(command).map_err(|_| reader.error(Fault::Count("commands of a player")))?;
        }
        reader.enter("players taken over");
        for _ in 0..reader.count("players", u32::MAX, 4)? {
            let player = reader.u32()?;
            if world.taken_over.last().is_some_and(|last| *last >= player) {
                return Err(reader.error(Fault::Order("players")));
            }
            world.taken_over.push(player);
        }
        reader.enter("events");
        world.queues.decode(header.tick, &mut reader)?;
        reader.enter("places");
        world.places.decode(header.tick, &mut reader)?;
        reader.enter("battles");
        world.battles.decode(&mut reader)?;
        reader.enter("paths");
        world.decode_paths(&mut reader)?;
        reader.enter("load");
        if reader.left() == LOAD_BYTES {
            let parts = [reader.u8()?, reader.u8()?, reader.u8()?];
            // What nobody has reported takes no bytes.
            let load = Load::from_parts(parts).filter(|load| *load != Load::default());
            world.load = load.ok_or_else(|| reader.error(Fault::Value("load")))?;
        }
        reader.finish()?;
        Ok(world)
    }

    /// The hash of each part of the state that is not the entities, for finding which part of two worlds differs.
    pub fn part_hashes(&self) -> [(Part, u64); 10] {
        let of = |part, encode: &dyn Fn(&mut Writer<'_>)| {
            let mut bytes = Vec::new();
            encode(&mut Writer::new(&mut bytes));
            let mut digest = Digest::new(part);
            digest.bytes(&bytes);
            (part, digest.finish())
        };
        [
            of(Part::World, &|writer| {
                writer.u64(self.tick);
                if self.load != Load::default() {
                    writer.bytes(&self.load.parts());
                }
                if self.config().rewind_ticks > 0 {
                    writer.u64(self.past_sum());
                }
            }),
            of(Part::Config, &|writer| encode_config(self.config(), writer)),
            of(Part::Slots, &|writer| encode_slots(&self.directory, writer)),
            of(Part::Projectiles, &|writer| {
                writer.u64(self.next_shot);
                self.encode_shots(writer);
            }),
            of(Part::Commands, &|writer| encode_commands(&self.commands, writer)),
            of(Part::TakeOvers, &|writer| encode_players(&self.taken_over, writer)),
            of(Part::Events, &|writer| self.queues.encode(writer)),
            of(Part::Zones, &|writer| self.places.encode(self.tick, writer)),
            of(Part::Battles, &|writer| self.battles.encode(writer)),
            of(Part::Navigation, &|writer| {
                self.navigator.iter().for_each(|navigator| navigator.encode(writer));
            }),
        ]
    }

    /// Flips one bit of one value behind the world's back: no input, so no log has it. For tests of what finds faults.
    #[doc(hidden)]
    pub fn corrupt(&mut self, id: EntityId, column: Column, bit: u32) -> bool {
        let Some(Place { region, row }) = self.directory.place(id) else { return false };
        let region = self.region_mut(region);
        let Some(value) = region.columns.value(column, row as usize) else { return false };
        let shift = 64 - 8 * column.bytes() as u32;
        let flipped = value ^ 1 << bit;
        // Of a signed column's value, what is beyond its bytes is its sign.
        let changed = [flipped, flipped << shift >> shift]
            .into_iter()
            .any(|value| region.columns.set_value(column, row as usize, value));
        region.note_written(row, column);
        changed
    }

    fn encode_entities(&self, writer: &mut Writer<'_>) {
        let mut order = Order::default();
        let mut blocks: Vec<&Columns> = Vec::new();
        let count_at = writer.len();
        writer.count(0);
        let mut sectors = 0u32;
        let sector_of = |number: &u32| self.partition.strip(*number).sector;
        for group in self.partition.order().chunk_by(|a, b| sector_of(a) == sector_of(b)) {
            blocks.clear();
            blocks.extend(group.iter().map(|number| &self.region(*number).columns).filter(|columns| columns.len() > 0));
            if !blocks.is_empty() {
                encode_sector(sector_of(&group[0]), &blocks, self.tick, &mut order, writer);
                sectors += 1;
            }
        }
        writer.buffer()[count_at..count_at + 4].copy_from_slice(&sectors.to_le_bytes());
    }

    /// Reads the entities and makes their ids live: the place in the list is the number of their region.
    fn decode_entities(&mut self, reader: &mut Reader<'_>) -> Result<Vec<(SectorId, Columns)>, RestoreError> {
        let config = self.config();
        let (entities_max, attributes) = (config.entities_max, config.attributes.len());
        let row_bytes = Columns::row_bytes(attributes) + past_bytes(config);
        let count = reader.count("sectors", config.sectors_max, 20 + row_bytes)?;
        let mut sectors: Vec<(SectorId, Columns)> = Vec::with_capacity(count);
        for number in 0..count as u32 {
            let at = reader.clone();
            let (sector, columns) =
                decode_sector(reader, entities_max - self.directory.live(), self.config(), self.tick)?;
            if sectors.last().is_some_and(|(last, _)| *last >= sector) {
                return Err(at.error(Fault::Order("sectors")));
            }
            for row in 0..columns.len() {
                if !self.directory.revive(columns.id[row], Place { region: number, row: row as u32 }) {
                    return Err(at.error(Fault::Value("id")));
                }
                if let Some(column) = self.invalid_column(&columns, row) {
                    return Err(at.error(Fault::Value(column.name())));
                }
            }
            sectors.push((sector, columns));
        }
        if self.directory.is_whole() { Ok(sectors) } else { Err(reader.error(Fault::Order("slots"))) }
    }

    /// The first column of a row whose value could not be in this world.
    fn invalid_column(&self, columns: &Columns, row: usize) -> Option<Column> {
        let mut invalid = None;
        columns.for_each_value(row, |column, value| {
            let is_valid = match column {
                // A goal goes beyond the range of orders when its entity goes from sector to sector, but not so far.
                Column::GoalX | Column::GoalY => value.unsigned_abs() < 3 << 61,
                // Paths are looked at when they are there.
                Column::Path | Column::Waypoint => true,
                _ => self.is_valid(column, value),
            };
            if !is_valid {
                invalid = invalid.or(Some(column));
            }
        });
        invalid
    }

    /// Puts what was read into a world that has no sectors yet.
    fn fill(
        &mut self,
        mut sectors: Vec<(SectorId, Columns)>,
        shots: Vec<(SectorId, Shot)>,
        reader: &Reader<'_>,
    ) -> Result<(), RestoreError> {
        // Those with entities are in order and keep their numbers, which the directory has; the others come behind.
        let inhabited = sectors.len();
        let mut others: Vec<SectorId> = shots.iter().map(|(sector, _)| *sector).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|other| sectors.binary_search_by_key(other, |(sector, _)| *sector).is_err());
        if inhabited + others.len() > self.config().sectors_max as usize {
            return Err(reader.error(Fault::Count("sectors")));
        }
        sectors.extend(others.into_iter().map(|sector| (sector, Columns::of(self.config()))));
        let shards = self.shards.len();
        let mut strips = Vec::with_capacity(sectors.len());
        for (number, (sector, columns)) in sectors.into_iter().enumerate() {
            let shard = number % shards;
            let strip = Strip { sector, low: 0, high: SECTOR_SIDE, neighbours: Vec::new(), shard: shard as u16 };
            self.shards[shard].regions.push(Box::new(Region::filled(number as u32, &strip, columns)));
            strips.push(Some(strip));
        }
        self.set_partition(strips);
        for (sector, shot) in shots {
            let number = self.partition.find(sector, shot.y).expect("a region was made for each of their sectors");
            self.region_mut(number).shots.push(shot);
        }
        self.refresh_indexes();
        self.divide();
        Ok(())
    }

    fn encode_shots(&self, writer: &mut Writer<'_>) {
        let mut shots: Vec<(SectorId, &Shot)> = Vec::new();
        for region in self.regions() {
            shots.extend(region.shots.iter().map(|shot| (region.sector, shot)));
        }
        shots.sort_unstable_by_key(|(_, shot)| shot.id);
        writer.count(shots.len());
        for (sector, shot) in shots {
            let Shot { id, x, y, velocity_x, velocity_y, radius, damage, range, shooter, team, hits } = shot;
            writer.u64(*id);
            writer.i64(sector.x);
            writer.i64(sector.y);
            [x, y, velocity_x, velocity_y, radius, damage, range].into_iter().for_each(|value| writer.i32(*value));
            writer.id(*shooter);
            writer.u16(*team);
            writer.u16(*hits);
        }
    }

    fn decode_shots(&self, reader: &mut Reader<'_>) -> Result<Vec<(SectorId, Shot)>, RestoreError> {
        let mut last = None;
        let mut shots: Vec<(SectorId, Shot)> = Vec::new();
        for _ in 0..reader.count("projectiles", self.config().projectiles_max, SHOT_BYTES)? {
            let id = reader.u64()?;
            if last.is_some_and(|last| last >= id) || id >= self.next_shot {
                return Err(reader.error(Fault::Order("projectiles")));
            }
            last = Some(id);
            let position = reader.position()?;
            let shot = Shot {
                id,
                x: position.x,
                y: position.y,
                velocity_x: reader.i32()?,
                velocity_y: reader.i32()?,
                radius: reader.i32()?,
                damage: reader.i32()?,
                range: reader.i32()?,
                shooter: reader.id()?,
                team: reader.u16()?,
                hits: reader.u16()?,
            };
            if !self.is_flying(&shot) {
                return Err(reader.error(Fault::Value("projectile")));
            }
            shots.push((position.sector, shot));
        }
        Ok(shots)
    }

    /// Whether a projectile could be in flight here. The speed of one that a weapon fired is rounded, so that only its
    /// parts are surely within the limit.
    fn is_flying(&self, shot: &Shot) -> bool {
        let speeds = -self.config().speed_max..=self.config().speed_max;
        speeds.contains(&shot.velocity_x)
            && speeds.contains(&shot.velocity_y)
            && (0..=PROJECTILE_RADIUS_MAX).contains(&shot.radius)
            && shot.damage >= 0
            && shot.range >= 0
    }
}

fn encode_slots(directory: &Directory, writer: &mut Writer<'_>) {
    let (generations, free) = directory.parts();
    writer.count(generations.len());
    generations.iter().for_each(|generation| writer.u32(*generation));
    writer.count(free.len());
    free.iter().for_each(|slot| writer.u32(*slot));
}

/// The commands in the order in which they are carried out: the one in which those of different players came in is free.
fn encode_commands(commands: &Queue, writer: &mut Writer<'_>) {
    let mut waiting: Vec<&Command> = commands.iter().collect();
    // Stable, so that of one player they stay as they were given.
    waiting.sort_by_key(|command| command.player);
    writer.count(waiting.len());
    waiting.into_iter().for_each(|command| encode_command(command, writer));
}

fn encode_players(players: &[u32], writer: &mut Writer<'_>) {
    writer.count(players.len());
    players.iter().for_each(|player| writer.u32(*player));
}

/// Reads the slots. Whether they fit the entities is known when those are read.
fn decode_slots(reader: &mut Reader<'_>, config: &WorldConfig) -> Result<Directory, RestoreError> {
    let mut numbers = |what| -> Result<Vec<u32>, RestoreError> {
        let count = reader.count(what, u32::MAX - 1, 4)?;
        let (numbers, _) = reader.bytes(4 * count)?.as_chunks();
        Ok(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    };
    let (generations, free) = (numbers("slots")?, numbers("free slots")?);
    Ok(Directory::from_parts(config.entities_max, &generations, &free))
}

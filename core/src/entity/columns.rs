//! The columns of entities' state: one table from which storage, snapshots, hashes, divergence reports and the C ABI
//! all work.

use super::{EntityId, FLAG_NOT_REWOUND, Past};
use crate::{
    config::WorldConfig,
    physics::index::make_room,
    space::{Angle, Position, SECTOR_SIDE},
};

/// A value of a column: any integer type, read and written as `i64`.
pub(crate) trait Value: Copy + PartialEq {
    /// How many bytes it takes in a snapshot.
    const BYTES: usize;
    fn to_i64(self) -> i64;
    /// `None` if the value does not fit.
    fn from_i64(value: i64) -> Option<Self>;
    /// Appends values, little-endian.
    fn encode(values: impl ExactSizeIterator<Item = Self>, out: &mut Vec<u8>);
    /// The values that [`Self::encode`] wrote.
    fn decode(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! integer_values {
    ($($type:ty),*) => { $(
        impl Value for $type {
            const BYTES: usize = size_of::<$type>();
            fn to_i64(self) -> i64 {
                i64::from(self)
            }
            fn from_i64(value: i64) -> Option<Self> {
                Self::try_from(value).ok()
            }
            fn encode(values: impl ExactSizeIterator<Item = Self>, out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + values.len() * Self::BYTES, 0);
                let (places, _) = out[start..].as_chunks_mut::<{ size_of::<$type>() }>();
                for (place, value) in places.iter_mut().zip(values) {
                    *place = value.to_le_bytes();
                }
            }
            fn decode(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }
        }
    )* };
}
integer_values!(u8, u16, u32, i32, i64);

impl Value for EntityId {
    const BYTES: usize = 8;
    fn to_i64(self) -> i64 {
        self.bits().cast_signed()
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(Self::from_bits(value.cast_unsigned()))
    }
    fn encode(values: impl ExactSizeIterator<Item = Self>, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + values.len() * Self::BYTES, 0);
        for (place, value) in out[start..].as_chunks_mut().0.iter_mut().zip(values) {
            *place = value.bits().to_le_bytes();
        }
    }
    fn decode(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|bytes| Self::from_bits(u64::from_le_bytes(*bytes))).collect()
    }
}

/// The form of an entity, the value of [`Column::Shape`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Shape {
    /// A disc whose radius is `half_x`.
    #[default]
    Circle = 0,
    /// A box with sides along the axes, `half_x` and `half_y` from its centre.
    Box = 1,
}

macro_rules! columns {
    ($( $(#[$doc:meta])+ $variant:ident $field:ident: $type:ty, $name:literal; )+) => {
        /// A column of the entities' state. The numbers are part of the C ABI, of snapshots and of replays: new columns
        /// come at the end.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
        pub enum Column {
            $( $(#[$doc])+ $variant, )+
            /// An attribute that the world's configuration declares, by its number.
            Attribute(u8),
        }

        /// Every column but the attributes, in order.
        pub const COLUMNS: &[Column] = &[$( Column::$variant ),+];

        impl Column {
            /// The name, as reports and schemas have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )+
                    Self::Attribute(_) => "attribute",
                }
            }

            /// The number by which snapshots, replays and hashes know it: its place in [`COLUMNS`], or 256 and the
            /// number of the attribute.
            pub const fn number(self) -> u16 {
                enum Number { $( $variant, )+ }
                match self {
                    $( Self::$variant => Number::$variant as u16, )+
                    Self::Attribute(number) => 256 + number as u16,
                }
            }

            /// How many bytes its values take in a snapshot.
            pub const fn bytes(self) -> usize {
                match self {
                    $( Self::$variant => <$type as Value>::BYTES, )+
                    Self::Attribute(_) => 4,
                }
            }

            /// The column of a number; `None` if there is none. Whether a world declares the attribute is not looked at.
            pub fn from_number(number: u16) -> Option<Self> {
                match number.checked_sub(256) {
                    None => COLUMNS.get(usize::from(number)).copied(),
                    Some(attribute) => u8::try_from(attribute).ok().map(Self::Attribute),
                }
            }
        }

        /// The state of one entity, and what to spawn one from.
        ///
        /// The coordinates are a [`Position`] here; columns have them relative to a sector.
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub struct Entity {
            /// Where its centre is.
            pub position: Position,
            $( $(#[$doc])+ pub $field: $type, )+
            /// The attributes that the world declares; those that are left out are 0.
            pub attributes: Vec<i32>,
        }

        impl Entity {
            /// Every value but the place, column by column.
            pub(crate) fn values(&self) -> impl Iterator<Item = (Column, i64)> {
                let attributes = self.attributes.iter().enumerate();
                [$( (Column::$variant, self.$field.to_i64()) ),+]
                    .into_iter()
                    .chain(attributes.map(|(number, value)| (Column::Attribute(number as u8), i64::from(*value))))
            }

            /// One value; `None` for an attribute that it has not.
            pub fn value(&self, column: Column) -> Option<i64> {
                Some(match column {
                    $( Column::$variant => self.$field.to_i64(), )+
                    Column::Attribute(number) => self.attributes.get(usize::from(number))?.to_i64(),
                })
            }

            /// Sets one value; false if it does not fit its type or it is an attribute that it has not.
            pub fn set_value(&mut self, column: Column, value: i64) -> bool {
                match column {
                    $( Column::$variant => Value::from_i64(value).map(|value| self.$field = value).is_some(), )+
                    Column::Attribute(number) => {
                        match (self.attributes.get_mut(usize::from(number)), i32::try_from(value)) {
                            (Some(place), Ok(value)) => { *place = value; true }
                            _ => false,
                        }
                    }
                }
            }
        }

        /// The state of many entities, column by column. Row `i` of every column is the same entity.
        ///
        /// `x` and `y` are relative to the sector that the rows are in.
        #[derive(Default, Debug, Clone)]
        pub struct Columns {
            pub(crate) id: Vec<EntityId>,
            pub(crate) x: Vec<i32>,
            pub(crate) y: Vec<i32>,
            $( pub(crate) $field: Vec<$type>, )+
            /// One vector for each declared attribute.
            pub(crate) attributes: Vec<Vec<i32>>,
            /// Where the rows were, if the world looks back. It is not here while it is in the view.
            pub(crate) past: Past,
            /// If the world looks back, how far the player saw others in the past who gave the order to attack; 0 for
            /// every other order.
            pub(crate) order_rewind: Vec<u8>,
        }

        #[allow(dead_code, reason = "parts of the table that only some of its users need")]
        impl Columns {
            pub(crate) fn new(attributes: usize) -> Self {
                Self { attributes: vec![Vec::new(); attributes], ..Self::default() }
            }

            /// For the entities of a world.
            pub(crate) fn of(config: &WorldConfig) -> Self {
                Self { past: Past::new(config.rewind_ticks), ..Self::new(config.attributes.len()) }
            }

            pub(crate) fn len(&self) -> usize {
                self.id.len()
            }

            /// How many rows there is room for.
            pub(crate) fn capacity(&self) -> usize {
                self.id.capacity()
            }

            /// Makes room for so many rows in all columns at once.
            pub(crate) fn make_room(&mut self, wanted: usize) {
                if self.id.capacity() < wanted {
                    make_room(&mut self.id, wanted);
                    make_room(&mut self.x, wanted);
                    make_room(&mut self.y, wanted);
                    $( make_room(&mut self.$field, wanted); )+
                    for column in &mut self.attributes {
                        make_room(column, wanted);
                    }
                    if self.past.is_kept() {
                        self.past.make_room(wanted);
                        make_room(&mut self.order_rewind, wanted);
                    }
                }
            }

            /// Adds a row; the position's sector is dropped.
            pub(crate) fn push(&mut self, id: EntityId, entity: &Entity) {
                self.make_room(self.id.len() + 1);
                self.id.push(id);
                self.x.push(entity.position.x);
                self.y.push(entity.position.y);
                $( self.$field.push(entity.$field); )+
                for (number, column) in self.attributes.iter_mut().enumerate() {
                    column.push(entity.attributes.get(number).copied().unwrap_or(0));
                }
                if self.past.is_kept() {
                    self.past.push(entity.position.x, entity.position.y);
                    self.order_rewind.push(0);
                }
            }

            /// Moves a row to the end of other columns with as many attributes. The last row takes its place.
            pub(crate) fn transfer(&mut self, row: usize, to: &mut Self) {
                to.make_room(to.id.len() + 1);
                to.id.push(self.id.swap_remove(row));
                to.x.push(self.x.swap_remove(row));
                to.y.push(self.y.swap_remove(row));
                $( to.$field.push(self.$field.swap_remove(row)); )+
                for (from, to) in self.attributes.iter_mut().zip(&mut to.attributes) {
                    to.push(from.swap_remove(row));
                }
                if self.past.is_kept() {
                    self.past.transfer(row, &mut to.past);
                    to.order_rewind.push(self.order_rewind.swap_remove(row));
                }
            }

            /// Removes a row. The last row takes its place.
            pub(crate) fn swap_remove(&mut self, row: usize) {
                self.id.swap_remove(row);
                self.x.swap_remove(row);
                self.y.swap_remove(row);
                $( self.$field.swap_remove(row); )+
                for column in &mut self.attributes {
                    column.swap_remove(row);
                }
                if self.past.is_kept() {
                    self.past.swap_remove(row);
                    self.order_rewind.swap_remove(row);
                }
            }

            /// A row as a whole; `position` has the sector that the rows are in.
            pub(crate) fn entity(&self, row: usize, sector: crate::space::SectorId) -> Entity {
                Entity {
                    position: Position { sector, x: self.x[row], y: self.y[row] },
                    $( $field: self.$field[row], )+
                    attributes: self.attributes.iter().map(|column| column[row]).collect(),
                }
            }

            /// One value; `None` for an attribute that is not declared.
            pub(crate) fn value(&self, column: Column, row: usize) -> Option<i64> {
                Some(match column {
                    $( Column::$variant => self.$field[row].to_i64(), )+
                    Column::Attribute(number) => self.attributes.get(usize::from(number))?[row].to_i64(),
                })
            }

            /// Hands over one value of many rows; 0 where there is no row, and for an attribute that is not declared.
            #[inline]
            pub(crate) fn read<'c>(
                rows: impl Iterator<Item = Option<(&'c Self, usize)>>,
                column: Column,
                put: impl FnMut(i64),
            ) {
                match column {
                    $( Column::$variant => {
                        rows.map(|at| at.map_or(0, |(columns, row)| columns.$field[row].to_i64())).for_each(put);
                    } )+
                    Column::Attribute(number) => {
                        let value = |columns: &Self, row: usize| Some(columns.attributes.get(usize::from(number))?[row]);
                        rows.map(|at| at.and_then(|(columns, row)| value(columns, row)).map_or(0, i64::from)).for_each(put);
                    }
                }
            }

            /// How many bytes a row takes in a snapshot.
            pub(crate) const fn row_bytes(attributes: usize) -> usize {
                8 + 4 + 4 $( + <$type as Value>::BYTES )+ + 4 * attributes
            }

            /// Appends the values of rows, column by column. A row is the number of its block and its place there; all
            /// blocks have as many attributes.
            pub(crate) fn encode(blocks: &[&Self], rows: &[(u32, u32)], out: &mut Vec<u8>) {
                let rows = || rows.iter().map(|(block, row)| (blocks[*block as usize], *row as usize));
                let attributes = blocks.first().map_or(0, |block| block.attributes.len());
                out.reserve(rows().len() * Self::row_bytes(attributes));
                Value::encode(rows().map(|(block, row)| block.id[row]), out);
                Value::encode(rows().map(|(block, row)| block.x[row]), out);
                Value::encode(rows().map(|(block, row)| block.y[row]), out);
                $( Value::encode(rows().map(|(block, row)| block.$field[row]), out); )+
                for number in 0..attributes {
                    Value::encode(rows().map(|(block, row)| block.attributes[number][row]), out);
                }
            }

            /// What [`Self::encode`] wrote: `bytes` are exactly those of as many rows.
            pub(crate) fn decode(rows: usize, attributes: usize, bytes: &[u8]) -> Self {
                assert_eq!(bytes.len(), rows * Self::row_bytes(attributes), "as many bytes as the rows take");
                let mut rest = bytes;
                let mut take = |width: usize| {
                    let (column, after) = rest.split_at(rows * width);
                    rest = after;
                    column
                };
                Self {
                    id: Value::decode(take(8)),
                    x: Value::decode(take(4)),
                    y: Value::decode(take(4)),
                    $( $field: Value::decode(take(<$type as Value>::BYTES)), )+
                    attributes: (0..attributes).map(|_| Value::decode(take(4))).collect(),
                    past: Past::default(),
                    order_rewind: Vec::new(),
                }
            }

            /// Calls with every column and its value in a row, in order, the attributes last.
            #[inline(always)]
            pub(crate) fn for_each_value(&self, row: usize, mut visit: impl FnMut(Column, i64)) {
                $( visit(Column::$variant, self.$field[row].to_i64()); )+
                for (number, column) in self.attributes.iter().enumerate() {
                    visit(Column::Attribute(number as u8), column[row].to_i64());
                }
            }

            /// Sets one value; false if it does not fit its type or the attribute is not declared.
            pub(crate) fn set_value(&mut self, column: Column, row: usize, value: i64) -> bool {
                match column {
                    $( Column::$variant => match Value::from_i64(value) {
                        Some(value) => { self.$field[row] = value; true }
                        None => false,
                    }, )+
                    Column::Attribute(number) => match (self.attributes.get_mut(usize::from(number)), i32::try_from(value)) {
                        (Some(column), Ok(value)) => { column[row] = value; true }
                        _ => false,
                    },
                }
            }
        }

    };
}

columns! {
    /// Speed to the right, in units of length a second.
    VelocityX velocity_x: i32, "velocity_x";
    /// Speed upwards, in units of length a second.
    VelocityY velocity_y: i32, "velocity_y";
    /// The way it faces; see [`Angle`]. What drives faces where it goes, what attacks or fires where it shoots; else it is
    /// the host's.
    Heading heading: Angle, "heading";
    /// A [`Shape`]: 0 circle, 1 box.
    Shape shape: u8, "shape";
    /// Radius of a circle or half the width of a box, in 2^-8 m.
    HalfX half_x: u16, "half_x";
    /// Half the height of a box, in 2^-8 m; unused for a circle.
    HalfY half_y: u16, "half_y";
    /// In grams; 0 is immovable.
    Mass mass: u32, "mass";
    /// How much of the speed comes back from a collision: 0 none, 255 all. The larger of two counts.
    Restitution restitution: u8, "restitution";
    /// The collision layers it is on, a bit each.
    Layers layers: u16, "layers";
    /// The collision layers it collides with. Two entities collide if each is on a layer that the other collides with.
    Collides collides: u16, "collides";
    /// Most speed, in units of length a second; 0 is the world's limit.
    SpeedMax speed_max: i32, "speed_max";
    /// Most change of speed that its own drive makes, in units of length a second per second; 0 is no drive: it keeps
    /// its velocity and cannot be steered.
    AccelerationMax acceleration_max: i32, "acceleration_max";
    /// What is left of it. It is destroyed when damage brings it to 0; entities with `health_max` 0 take no damage.
    Health health: i32, "health";
    /// Its health when whole; 0 is indestructible.
    HealthMax health_max: i32, "health_max";
    /// What it does, for the game mode to define.
    State state: u16, "state";
    /// Whose side it is on; 0 is nobody's.
    Team team: u16, "team";
    /// What sort of thing it is, for the game mode to define; the world's configuration says which are bases.
    Kind kind: u16, "kind";
    /// The player that may command it; 0 is nobody.
    Owner owner: u32, "owner";
    /// Bits for the game mode, but for those of [`crate::entity::Columns`]' users that a name is given to.
    Flags flags: u32, "flags";
    /// The entity it attacks, follows or uses.
    Target target: EntityId, "target";
    /// What it was told to do: the number of a [`crate::command::Order`].
    Order order: u8, "order";
    /// Where the order leads, to the right of its sector's left edge; or the speed wanted, for a velocity order.
    GoalX goal_x: i64, "goal_x";
    /// Where the order leads, above its sector's lower edge; or the speed wanted, for a velocity order.
    GoalY goal_y: i64, "goal_y";
    /// Its weapon: a number in the world's table from 1; 0 is none.
    Weapon weapon: u8, "weapon";
    /// The tick, cut to 32 bits, at which the weapon is ready again.
    ReadyTick ready_tick: u32, "ready_tick";
    /// The path it walks, a handle of the world; 0 is none.
    Path path: u32, "path";
    /// The next waypoint of the path.
    Waypoint waypoint: u16, "waypoint";
    /// The behaviour that commands it: a number in the world's table from 1; 0 is none.
    Bot bot: u16, "bot";
    /// The memory of its behaviour.
    BotState bot_state: i64, "bot_state";
}

impl Columns {
    /// Keeps where a row was and where it goes in space when it comes into a sector so many steps away: both are relative
    /// to the sector.
    pub(crate) fn change_sector(&mut self, row: usize, right: i64, up: i64) {
        self.move_goal(row, right, up);
        self.past.shift(row, right, up);
    }

    /// Where a row is judged to have been so many ticks before a tick.
    pub(crate) fn judged(&self, row: usize, tick: u64, ago: u8) -> (i32, i32) {
        let now = (self.x[row], self.y[row]);
        let ago = if self.flags[row] & FLAG_NOT_REWOUND == 0 { ago } else { 0 };
        self.past.judged(row, now, tick, ago)
    }

    /// Keeps a row's goal where it is in space when the row comes into a sector so many steps away, since a goal is
    /// relative to the sector. Only an order to go somewhere has one; of other orders these columns are something else.
    fn move_goal(&mut self, row: usize, right: i64, up: i64) {
        if self.order[row] == crate::command::Order::MoveTo as u8 {
            self.goal_x[row] = self.goal_x[row].wrapping_sub(right * i64::from(SECTOR_SIDE));
            self.goal_y[row] = self.goal_y[row].wrapping_sub(up * i64::from(SECTOR_SIDE));
        }
    }
}

impl Entity {
    /// An entity at a place, with all else 0: no extent, no mass, no health.
    pub fn at(position: Position) -> Self {
        Self { position, ..Self::default() }
    }
}

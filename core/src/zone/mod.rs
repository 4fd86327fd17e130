//! What a map's places do in a game: zones that teams take and pickups that entities take.
//!
//! **Both come to the same whoever is asked first**: what a tick's entities do is gathered by operations that commute
//! (a smallest id, a nearest taker), and only then the tick's verdict is given, place by place in the map's order.

mod capture;
mod pickup;

pub use capture::{Captures, Presence};
pub use pickup::{Claim, Pickups};

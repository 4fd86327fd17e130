//! Goal: the battle of the golden values is the same one however it is fought.
//! Method: a file for each promise and a test for each run. All of them are in one program, so that as many runs are under
//! way at a time as there are cores.

mod inline;
mod insertion_order;
mod optimisation;
mod replay;
mod save_and_restore;
mod shards;
mod size;
mod splitting;
mod threads;

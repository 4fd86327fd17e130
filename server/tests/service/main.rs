//! Goal: the server does for players and operators what its pages promise, also when it is killed, drained, flooded or has too
//! much to do; each file below says which promise.
//!
//! Method: one program, since each that is linked with a whole server costs more than its tests.

mod draining_waits_for_matches;
mod frames_are_read_as_they_come;
mod killed_servers_resume;
mod large_worlds_have_threads;
mod long_matches_replay;
mod matches_are_written_down;
mod players_are_given_a_relay;
mod players_come_by_data_channels;
mod players_share_a_world;
mod rates_step_down_before_ticks_are_lost;
mod settings_come_from_everywhere;
mod sides_hear_and_see_their_own;
mod slow_clients_are_cut;
mod stage;
mod strangers_are_kept_out;
mod values_outlive_matches;

// Made by `cargo xtask codegen`. @generated

pub(crate) mod commands_generated;
pub(crate) mod common_generated;
pub(crate) mod config_generated;
pub(crate) mod events_generated;
pub(crate) mod hello_generated;
pub(crate) mod map_generated;
pub(crate) mod message_generated;
pub(crate) mod packet_generated;
pub(crate) mod replay_generated;
pub(crate) mod report_generated;
pub(crate) mod welcome_generated;
pub(crate) mod schema_hash;

//! Goal

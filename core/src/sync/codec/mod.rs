//! From states to bits and back.

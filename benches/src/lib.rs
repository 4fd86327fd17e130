//! Load generators and side-by-side runs.

//! .

pub mod cli;

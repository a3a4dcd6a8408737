//! The one integration-test binary: `mod` lines only.

mod cli;
mod commands;
mod config;
mod fakes;
mod fuzz;
mod layers;
mod ledger;
mod readme;
mod source;
mod target;
mod year;

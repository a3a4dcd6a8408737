//! The one integration-test binary: `mod` lines only.

mod cli;
mod config;
mod fakes;
mod layers;
mod source;
mod target;

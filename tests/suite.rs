//! The one integration-test binary: `mod` lines only.

mod config;
mod fakes;
mod source;
mod target;

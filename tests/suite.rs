//! The one integration-test binary: `mod` lines only.

mod fakes;
mod source;
mod target;

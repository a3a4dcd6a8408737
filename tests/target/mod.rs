//! Each target against its stand-in, over real sockets.

mod contract;
mod file;
mod github;
mod strongdm;

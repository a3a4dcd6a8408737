//! Each target against its stand-in, over real sockets.

mod contract;
mod exec;
mod file;
mod github;
mod okta;
mod strongdm;

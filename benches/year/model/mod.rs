//! A year in a model world: people on call by a rota that is edited all the time, a tool that runs every five minutes and
//! gives them access, and a count of the seconds that were wrong.

pub mod events;
pub mod measure;
pub mod oracle;
pub mod rota;
pub mod tools;

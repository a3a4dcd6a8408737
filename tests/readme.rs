//! The documents keep their word: every command of the README runs, every table is held against the program, every example
//! does what it says.

mod commands;
mod operation;
mod page;
mod protocol;
mod reference;
mod sandbox;

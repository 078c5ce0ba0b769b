//! A file system in memory, for what a real disk shows too rarely to test: power loss, failing calls,
//! coarse clocks, recycled inodes, and other programs that come in at the worst moment.
//!
//! A [`World`] is the disk and its clock. It knows for each file and each directory what running programs see
//! (*soft*) and what a sync has made certain (*hard*). A [`Client`] is one process that uses the world through
//! the store's seam, with its own call log, planned fault and interruptions.

#![allow(dead_code, unused_imports)] // Every test crate uses a part of it.

mod client;
mod clock;
mod file;
mod foreign;
mod node;
mod plan;
mod survivors;
mod world;

pub use client::Client;
pub use clock::{Clock, MILLISECOND, SECOND};
pub use plan::{Call, Failure, Op, Reach};
pub use survivors::{Entry, survivors};
pub use world::{OverOpenFiles, World};

//! A file-backed store for AI processes, without a database, in JSON files that a person can read.
//!
//! # Model
//!
//! A [`Store`] is a directory with three [`DataFile`]s, each a JSON array of records. Reads share an immutable
//! snapshot of the file, which a stat validates at each call. Mutations are queued per file; one writer
//! takes all that is queued, applies it in order to the newest state, and replaces the file once.
//!
//! # Guarantees
//!
//! - A data file is at any time the complete old or the complete new one, also after a crash or power loss.
//! - An acknowledged mutation survives a crash of the process, and a power loss if it was durable.
//! - Writers in several processes exclude each other by a lock that the kernel frees when they die.
//! - Records that a mutation doesn't touch keep their bytes, and so do unknown fields of those it does.
//! - A file that no store could have written is refused, and never written to.
//!
//! # Limits
//!
//! A writer that takes no lock can lose its own or our last write, if both happen at the same moment.
//! Network file systems are as safe as their locks. Two files are never changed in one step.
//!
//! # Example
//!
//! ```
//! use file_process_store_core::{Filter, Mutation, Store, WriteOptions};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path());
//! let text = r#"{"id":"p1","status":"running","startTime":"2026-01-01T00:00:00.000Z"}"#;
//! let receipt = store.processes.apply(vec![Mutation::put(text, Some(500))], WriteOptions::default())?;
//! assert_eq!(receipt.results[0].as_ref().unwrap().count, 1);
//!
//! let content = store.processes.read()?;
//! let running = Filter { statuses: Some(vec![b"running".to_vec()]), ..Filter::default() };
//! assert_eq!(running.select(content.records()).count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod file;
pub mod fs;
mod json;
mod memory;
mod records;
mod recovery;
mod store;
mod threads;
mod watch;

pub use error::{Error, Flaw, Unread};
pub use file::DataFile;
pub use file::batch::{Batch, CommitStats, Receipt, WriteOptions};
pub use json::layout::MAX_RECORD;
pub use json::{date, text};
pub use memory::NoMemory;
pub use records::content::Content;
pub use records::draft::{Done, Mutation};
pub use records::filter::Filter;
pub use records::item::Item;
pub use records::process::Process;
pub use records::process::entry::FIELDS;
pub use records::process::host::{HostFields, HostValue};
pub use records::{Patch, Record};
pub use recovery::Recovery;
pub use recovery::salvage::Loss;
pub use store::{Store, default_data_dir, ensure_data_dir};
pub use threads::{guarded, spawn};
pub use watch::{Change, Watch};

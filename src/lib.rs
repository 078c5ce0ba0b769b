//! The Node binding: arguments in, promises out. It translates; what happens on disk is in `core/`.
//!
//! Nothing here waits. Work that may wait goes to a thread of the runtime, and its outcome comes back to
//! the JS thread through a [`channel::Channel`]. Only what a stat can answer is answered on the spot.

#![deny(unsafe_op_in_unsafe_fn)]

mod args;
mod channel;
mod results;
mod store;
mod watch;

use std::path::Path;
use std::sync::LazyLock;

use napi::{Env, Result};
use napi_derive::napi;
use tokio::runtime::{Builder, Runtime};

use channel::Channel;

/// Threads for reading, started on demand; nothing is ever polled. Runtimes live as long as the process, so that a
/// worker's end can't take down a commit.
static READERS: LazyLock<Runtime> = LazyLock::new(|| threads(32));
/// Threads for whatever may wait for a lock. They are others, and many, so that no lock keeps anybody waiting but
/// those who want it.
static WRITERS: LazyLock<Runtime> = LazyLock::new(|| threads(512));

fn threads(most: usize) -> Runtime {
    let built = Builder::new_current_thread().max_blocking_threads(most).build();
    built.expect("a runtime without drivers can always be built")
}

/// The default data directory, if the system knows a home directory.
#[napi]
pub fn default_data_dir() -> Option<String> {
    Some(file_process_store_core::default_data_dir()?.to_string_lossy().into_owned())
}

/// Creates the directory at an absolute path, with its parents, and answers on `channel`.
#[napi]
pub fn ensure_data_dir(env: Env, channel: &Channel, ticket: u32, dir: String) -> Result<()> {
    channel.run(env, &READERS, ticket, move || {
        file_process_store_core::ensure_data_dir(Path::new(&dir))?;
        Ok(channel::Value::Nothing)
    })
}

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

use std::path::{Component, PathBuf};
use std::sync::LazyLock;

use napi::{Env, Error, Result};
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

/// The version that this binary was built for.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Takes JavaScript's idea of the local time zone: instants, each followed by the offset that counts from then on.
#[napi]
pub fn set_local_offsets(offsets: Vec<f64>) {
    let pairs = offsets.chunks_exact(2).map(|pair| (pair[0] as i64, pair[1] as i64));
    file_process_store_core::date::set_local_offsets(pairs.collect());
}

/// The default data directory, if the environment or the system names an absolute home directory.
#[napi]
pub fn default_data_dir() -> Result<Option<String>> {
    let dir = file_process_store_core::default_data_dir().filter(|dir| dir.is_absolute());
    let text = dir.map(|dir| dir.into_os_string().into_string()).transpose();
    text.map_err(|dir| {
        // As text it would be the name of another directory.
        let dir = dir.to_string_lossy();
        Error::from_reason(format!(
            "the name of the home directory is no UTF-8 ({dir}); pass options.dataDir"
        ))
    })
}

/// Creates a directory with its parents, and answers on `channel`.
#[napi]
pub fn ensure_data_dir(env: Env, channel: &Channel, ticket: u32, dir: String) -> Result<()> {
    let dir = absolute(&dir)?;
    channel.run(env, &READERS, ticket, move || {
        file_process_store_core::ensure_data_dir(&dir)?;
        Ok(channel::Value::Nothing)
    })
}

/// A relative path is one that JS can't make absolute, as the name of the working directory is no UTF-8.
fn absolute(dir: &str) -> Result<PathBuf> {
    let mut absolute = PathBuf::new();
    // The system's name of the working directory has no links in it, so its parent is the one before the last slash.
    for part in std::path::absolute(dir)?.components() {
        match part {
            Component::ParentDir => drop(absolute.pop()),
            part => absolute.push(part),
        }
    }
    Ok(absolute)
}

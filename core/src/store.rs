//! The store of one data directory, and the directory itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use crate::error::Error;
use crate::file::DataFile;
use crate::file::place;
use crate::fs::{FileSystem, RealFs};
use crate::records::item::Item;
use crate::records::process::Process;

/// The data files of one directory.
#[derive(Debug)]
pub struct Store {
    /// `processes.json`.
    pub processes: Arc<DataFile<Process>>,
    /// `workspaces.json`.
    pub workspaces: Arc<DataFile<Item>>,
    /// `wikis.json`.
    pub wikis: Arc<DataFile<Item>>,
}

/// The open stores of this process by directory, whatever thread opened them.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Store>>>> = LazyLock::new(Mutex::default);

impl Store {
    /// The store of the directory at an absolute path, shared by all who open it in this process until the
    /// last of them drops it. Touches nothing on disk.
    pub fn open(dir: &Path) -> Arc<Store> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(dir).and_then(Weak::upgrade) {
            return store;
        }
        open.retain(|_, store| store.strong_count() > 0);
        let store = Arc::new(Store::on(Arc::new(RealFs), dir));
        open.insert(dir.to_owned(), Arc::downgrade(&store));
        store
    }

    /// A store of its own on any file system.
    pub fn on(fs: Arc<dyn FileSystem>, dir: &Path) -> Store {
        Store {
            processes: Arc::new(DataFile::new(fs.clone(), dir.join("processes.json"))),
            workspaces: Arc::new(DataFile::new(fs.clone(), dir.join("workspaces.json"))),
            wikis: Arc::new(DataFile::new(fs, dir.join("wikis.json"))),
        }
    }
}

/// `.pipeline-server` in the user's home directory; `None` where the system knows no home.
pub fn default_data_dir() -> Option<PathBuf> {
    // On Windows the variable comes first, as in Node's `os.homedir()`; the known folder ignores it.
    let variable = std::env::var_os("USERPROFILE").filter(|home| cfg!(windows) && !home.is_empty());
    variable.map(PathBuf::from).or_else(dirs::home_dir).map(|home| home.join(".pipeline-server"))
}

/// Creates a directory and its parents (0700), durably, unless it is there.
pub fn ensure_data_dir(dir: &Path) -> Result<(), Error> {
    place::make_dirs(&RealFs, dir, true)
}

#[cfg(test)]
mod tests;

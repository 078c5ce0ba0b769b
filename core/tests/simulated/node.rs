//! What stands on the disk: files, directories, links and FIFOs, each as programs see it and as a sync has made
//! it certain.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use file_process_store_core::fs::FileTime;

/// A file for the simulation; unlike its inode number it is never used again.
pub type Id = usize;
pub type Names = BTreeMap<OsString, Id>;

#[derive(Clone, Debug)]
pub enum Body {
    File {
        soft: Vec<u8>,
        hard: Vec<u8>,
        /// A sync has failed: as in Linux, the dirty pages are forgotten and later syncs are lies.
        forgotten: bool,
    },
    Directory {
        soft: Names,
        hard: Names,
        /// What differs between the two, in order.
        pending: Vec<Change>,
    },
    Link(PathBuf),
    Fifo,
}

/// A change of a directory that no sync has made certain yet.
#[derive(Clone, Debug)]
pub enum Change {
    Added(OsString, Id),
    Removed(OsString),
    Renamed(OsString, OsString, Id),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub body: Body,
    pub mode: u32,
    pub owner: (u32, u32),
    pub attributes: Vec<(OsString, Vec<u8>)>,
    pub mtime: FileTime,
    pub ctime: FileTime,
    /// Whether somebody has seen the times since they were last changed.
    pub(super) seen: bool,
    /// The open handle that holds the advisory lock.
    pub locked_by: Option<u64>,
    pub(super) number: u64,
    pub(super) names: usize,
    pub(super) handles: usize,
    /// How many of its handles are for writing.
    pub(super) writers: usize,
    /// Whether it loses its name with its last handle, and has none for those who look for it.
    pub(super) is_doomed: bool,
}

impl Node {
    pub fn is_held(&self) -> bool {
        self.handles > 0
    }

    pub fn is_being_written(&self) -> bool {
        self.writers > 0
    }

    /// Whether it is there only for those who have it open.
    pub fn is_held_without_a_name(&self) -> bool {
        self.names == 0 && self.handles > 0
    }
}

impl Change {
    pub fn apply(&self, names: &mut Names) {
        match self {
            Change::Added(name, id) => drop(names.insert(name.clone(), *id)),
            Change::Removed(name) => drop(names.remove(name)),
            Change::Renamed(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

pub fn file() -> Body {
    Body::File { soft: Vec::new(), hard: Vec::new(), forgotten: false }
}

pub fn directory() -> Body {
    Body::Directory { soft: Names::new(), hard: Names::new(), pending: Vec::new() }
}

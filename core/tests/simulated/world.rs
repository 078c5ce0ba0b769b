//! The disk: files, directories and links, what programs see of them and what a power loss leaves.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use file_process_store_core::fs::{FileKind, FileTime, Obstacle, Stamp, Stat};

use super::clock::Clock;
use super::node::{Body, Change, Id, Node, directory};

pub const ROOT: Id = 0;

/// Where a path leads: the directory, the last name, and what is there.
#[derive(Debug)]
pub struct Found {
    pub dir: Id,
    pub name: OsString,
    pub id: Option<Id>,
}

/// What a rename over a file that somebody has open does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverOpenFiles {
    /// It replaces it, as everywhere else.
    Replace,
    /// It moves it aside first, as NFS and many programs behind FUSE do: for a moment there is none.
    TakeAside,
    /// It is refused, as by Windows.
    Refuse,
    /// It is refused, and marks the file for deletion when its last handle is closed, as SMB does.
    RefuseAndDelete,
}

#[derive(Clone, Debug)]
pub struct World {
    pub nodes: Vec<Node>,
    pub clock: Clock,
    /// Whether stamps have inode numbers and change times (Unix) or not (Windows).
    pub identity: bool,
    /// The number of the device that all is on, where there is identity.
    pub device: u64,
    /// Whether a change that follows a stat gets a time of its own, as on Linux since 6.13.
    pub multigrain: bool,
    /// The last of these times.
    last_exact: FileTime,
    /// Whose files are made.
    pub user: (u32, u32),
    /// The groups of a user who may not give files away; `None` for root.
    pub groups: Option<Vec<u32>>,
    /// Whether permission bits can't be set.
    pub refuses_modes: bool,
    /// Whether access lists and attributes can't be set.
    pub refuses_attributes: bool,
    /// Whether the file system counts as local.
    pub local: bool,
    /// A directory whose files are on a network all the same.
    pub network: Option<Id>,
    pub over_open_files: OverOpenFiles,
    pub renames_over_open_files: usize,
    pub renames_of_files_being_written: usize,
    /// What keeps files from being replaced or removed.
    pub obstacle: Option<Obstacle>,
    /// How many bytes all files may have together.
    pub room: Option<usize>,
    /// Whether every stat finds another inode number, as on some file systems of user space.
    pub numbers_drift: bool,
    /// Whether a sync of a file does anything; a checker that doesn't notice is worth nothing.
    pub syncs_files: bool,
    /// The same for directories.
    pub syncs_directories: bool,
    /// Counts changes, so that equal states are easy to skip.
    pub changes: u64,
    /// Inode numbers that are free, the one to be given out next behind.
    free: Vec<u64>,
    next_number: u64,
}

impl World {
    pub fn new() -> Self {
        let mut world = World {
            nodes: Vec::new(),
            clock: Clock::default(),
            identity: true,
            device: 1,
            multigrain: false,
            last_exact: FileTime::default(),
            user: (1000, 1000),
            groups: None,
            refuses_modes: false,
            refuses_attributes: false,
            local: true,
            network: None,
            over_open_files: OverOpenFiles::Replace,
            renames_over_open_files: 0,
            renames_of_files_being_written: 0,
            obstacle: None,
            room: None,
            numbers_drift: false,
            syncs_files: true,
            syncs_directories: true,
            changes: 0,
            free: Vec::new(),
            next_number: 100,
        };
        world.create(directory(), 0o755);
        world.nodes[ROOT].names = 1;
        world
    }

    /// Follows links in the last component too if `follow`.
    pub fn find(&self, path: &Path, follow: bool) -> io::Result<Found> {
        let mut dirs = vec![ROOT];
        let mut rest = names(path);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            let dir = *dirs.last().unwrap();
            if name == ".." {
                dirs.truncate(dirs.len().max(2) - 1);
                continue;
            }
            let Body::Directory { soft, .. } = &self.nodes[dir].body else {
                return Err(ErrorKind::NotADirectory.into());
            };
            let id = soft.get(&name).copied();
            match id.map(|id| &self.nodes[id].body) {
                Some(Body::Link(target)) if follow || !rest.is_empty() => {
                    links += 1;
                    if links > 40 {
                        return Err(io::Error::other("too many levels of symbolic links"));
                    }
                    if target.is_absolute() {
                        dirs.truncate(1);
                    }
                    let mut target = names(target);
                    target.append(&mut rest);
                    rest = target;
                }
                _ if rest.is_empty() => return Ok(Found { dir, name, id }),
                Some(_) => dirs.extend(id),
                None => return Err(ErrorKind::NotFound.into()),
            }
        }
        Ok(Found { dir: ROOT, name: OsString::new(), id: dirs.pop() })
    }

    pub fn lookup(&self, path: &Path, follow: bool) -> io::Result<Id> {
        let id = self.find(path, follow)?.id.filter(|&id| !self.nodes[id].is_doomed);
        id.ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub fn stat(&mut self, id: Id) -> Stat {
        self.next_number += u64::from(self.numbers_drift);
        self.nodes[id].seen = true;
        let node = &self.nodes[id];
        let (kind, size) = match &node.body {
            Body::File { soft, .. } => (FileKind::Regular, soft.len()),
            Body::Directory { .. } => (FileKind::Directory, 4096),
            Body::Link(target) => (FileKind::Link, target.as_os_str().len()),
            Body::Fifo => (FileKind::Special, 0),
        };
        let stamp = Stamp {
            dev: if self.identity { self.device } else { 0 },
            ino: match (self.identity, self.numbers_drift) {
                (true, false) => node.number,
                (true, true) => self.next_number,
                (false, _) => 0,
            },
            size: size as u64,
            mtime: node.mtime,
            ctime: if self.identity { node.ctime } else { node.mtime },
        };
        Stat { kind, stamp, mode: node.mode, owner: node.owner }
    }

    pub fn create(&mut self, body: Body, mode: u32) -> Id {
        let number = self.free.pop().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number
        });
        let now = self.clock.stamp();
        let (mtime, ctime) = (now, now);
        self.nodes.push(Node {
            body,
            mode,
            owner: self.user,
            attributes: Vec::new(),
            mtime,
            ctime,
            seen: false,
            locked_by: None,
            number,
            names: 0,
            handles: 0,
            writers: 0,
            is_doomed: false,
        });
        self.nodes.len() - 1
    }

    /// Something new at a path that leads to nothing.
    pub fn create_at(&mut self, at: Found, body: Body, mode: u32) -> io::Result<Id> {
        let id = self.create(body, mode);
        self.add(at.dir, at.name, id)?;
        Ok(id)
    }

    /// Puts a name into a directory. What had the name before loses it.
    pub fn add(&mut self, dir: Id, name: OsString, id: Id) -> io::Result<()> {
        self.change(dir, Change::Added(name, id))
    }

    pub fn remove(&mut self, at: Found) -> io::Result<()> {
        let id = at.id.ok_or(ErrorKind::NotFound)?;
        if self.obstacle == Some(Obstacle::Protected) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        if matches!(self.nodes[id].body, Body::Directory { .. }) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.change(at.dir, Change::Removed(at.name))
    }

    pub fn rename(&mut self, from: Found, to: Found) -> io::Result<()> {
        let id = from.id.ok_or(ErrorKind::NotFound)?;
        match self.obstacle {
            Some(Obstacle::MountPoint) => return Err(ErrorKind::ResourceBusy.into()),
            Some(Obstacle::Protected) => return Err(ErrorKind::PermissionDenied.into()),
            None => {}
        }
        if to.id.is_some_and(|id| matches!(self.nodes[id].body, Body::Directory { .. })) {
            return Err(ErrorKind::IsADirectory.into());
        }
        // POSIX leaves it open whether a rename changes the ctime. Most file systems do it.
        self.stamp(id);
        if from.dir == to.dir {
            return self.change(from.dir, Change::Renamed(from.name, to.name, id));
        }
        self.change(to.dir, Change::Added(to.name, id))?;
        self.change(from.dir, Change::Removed(from.name))
    }

    fn change(&mut self, dir: Id, change: Change) -> io::Result<()> {
        let Body::Directory { soft, pending, .. } = &mut self.nodes[dir].body else {
            return Err(ErrorKind::NotADirectory.into());
        };
        let (Change::Added(name, _) | Change::Removed(name) | Change::Renamed(_, name, _)) = &change;
        let replaced = soft.get(name).copied();
        let added = if let Change::Added(_, id) = change { Some(id) } else { None };
        change.apply(soft);
        pending.push(change);
        self.touched(dir);
        if let Some(id) = added {
            self.nodes[id].names += 1;
        }
        if let Some(id) = replaced {
            self.nodes[id].names -= 1;
            self.reclaim(id);
        }
        Ok(())
    }

    /// Frees the inode number of a file that has lost its last name and its last handle.
    fn reclaim(&mut self, id: Id) {
        let node = &self.nodes[id];
        if node.names == 0 && node.handles == 0 && !self.free.contains(&node.number) {
            self.free.push(node.number);
        }
    }

    pub fn opened(&mut self, id: Id, writable: bool) {
        self.nodes[id].handles += 1;
        self.nodes[id].writers += usize::from(writable);
    }

    pub fn closed(&mut self, id: Id, handle: u64, writable: bool) {
        let node = &mut self.nodes[id];
        node.handles -= 1;
        node.writers -= usize::from(writable);
        node.locked_by = node.locked_by.filter(|&holder| holder != handle);
        if node.is_doomed && node.handles == 0 {
            self.lose_names(id);
        }
        self.reclaim(id);
    }

    fn lose_names(&mut self, id: Id) {
        for dir in 0..self.nodes.len() {
            let Body::Directory { soft, .. } = &self.nodes[dir].body else { continue };
            let names: Vec<_> =
                soft.iter().filter(|entry| *entry.1 == id).map(|entry| entry.0.clone()).collect();
            for name in names {
                self.change(dir, Change::Removed(name)).unwrap();
            }
        }
    }

    /// Locks a file for a handle, unless another one has locked it.
    pub fn try_lock(&mut self, id: Id, handle: u64) -> bool {
        *self.nodes[id].locked_by.get_or_insert(handle) == handle
    }

    pub fn content(&self, id: Id) -> io::Result<&[u8]> {
        match &self.nodes[id].body {
            Body::File { soft, .. } => Ok(soft),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub fn set_content(&mut self, id: Id, content: Vec<u8>) -> io::Result<()> {
        if self.room.is_some_and(|room| self.taken_by_others(id) + content.len() > room) {
            return Err(ErrorKind::StorageFull.into());
        }
        let Body::File { soft, .. } = &mut self.nodes[id].body else {
            return Err(ErrorKind::IsADirectory.into());
        };
        *soft = content;
        self.touched(id);
        self.nodes[id].mtime = self.nodes[id].ctime;
        Ok(())
    }

    /// The bytes of all other files that have a name, or are open.
    fn taken_by_others(&self, id: Id) -> usize {
        let there = |&(other, node): &(Id, &Node)| other != id && (node.names > 0 || node.handles > 0);
        let size = |(_, node): (Id, &Node)| match &node.body {
            Body::File { soft, .. } => soft.len(),
            _ => 0,
        };
        self.nodes.iter().enumerate().filter(there).map(size).sum()
    }

    pub fn touched(&mut self, id: Id) {
        self.changes += 1;
        self.stamp(id);
    }

    /// Stamps a file that is changed now.
    fn stamp(&mut self, id: Id) {
        let node = &mut self.nodes[id];
        // No stamp is behind an exact one that was given before, whatever file that was for.
        let mut now = self.clock.stamp().max(self.last_exact);
        if self.multigrain && node.seen && now <= node.ctime {
            // Two changes take longer than a nanosecond.
            self.clock.now += 1;
            now = self.clock.now();
            self.last_exact = now;
        }
        node.ctime = now;
        node.seen = false;
    }

    pub fn sync(&mut self, id: Id) {
        self.changes += 1;
        match &mut self.nodes[id].body {
            Body::File { soft, hard, forgotten: false } if self.syncs_files => hard.clone_from(soft),
            Body::Directory { soft, hard, pending } if self.syncs_directories => {
                hard.clone_from(soft);
                pending.clear();
            }
            _ => {}
        }
    }

    pub fn sync_failed(&mut self, id: Id) {
        if let Body::File { forgotten, .. } = &mut self.nodes[id].body {
            *forgotten = true;
        }
    }

    /// Makes all that there is certain: the state in which a history begins.
    pub fn settle(&mut self) {
        for id in 0..self.nodes.len() {
            self.sync(id);
        }
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

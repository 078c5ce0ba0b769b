//! An open file of the simulated world.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use file_process_store_core::fs::{File, Stat};

use super::client::Client;
use super::node::Id;
use super::plan::Op;

#[derive(Debug)]
pub struct OpenFile {
    client: Client,
    path: PathBuf,
    id: Id,
    handle: u64,
    writable: bool,
    /// How far it has been read.
    at: usize,
}

static HANDLES: AtomicU64 = AtomicU64::new(1);

impl OpenFile {
    pub fn new(client: Client, path: &Path, id: Id, writable: bool) -> Self {
        client.world(|world| world.opened(id, writable));
        let handle = HANDLES.fetch_add(1, Ordering::Relaxed);
        OpenFile { client, path: path.to_owned(), id, handle, writable, at: 0 }
    }

    fn enter(&self, op: Op) -> io::Result<bool> {
        self.client.enter(op, &self.path, Some(self.id))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.client.world(|world| world.closed(self.id, self.handle, self.writable));
        self.client.closed();
    }
}

impl Read for OpenFile {
    /// In two calls at least, so that others can come in between.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.enter(Op::Read)? {
            return Ok(0);
        }
        self.client.world(|world| {
            let content = world.content(self.id)?;
            let rest = content.get(self.at..).unwrap_or_default();
            let piece = if self.at == 0 { rest.len().div_ceil(2) } else { rest.len() };
            let read = piece.min(into.len());
            into[..read].copy_from_slice(&rest[..read]);
            self.at += read;
            Ok(read)
        })
    }
}

impl File for OpenFile {
    fn stat(&self) -> io::Result<Stat> {
        self.enter(Op::FileStat)?;
        self.client.world(|world| Ok(world.stat(self.id)))
    }

    fn read_all(&mut self, size: u64) -> io::Result<Vec<u8>> {
        self.at = 0;
        let mut bytes = Vec::new();
        self.take(size + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// In two calls, so that the machine can stop in between.
    fn write_all(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let bytes = parts.concat();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for half in [first, second] {
            if self.enter(Op::Write)? {
                break;
            }
            self.client.world(|world| {
                let content = [world.content(self.id)?, half].concat();
                world.set_content(self.id, content)
            })?;
        }
        Ok(())
    }

    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        self.at = offset as usize;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// In two calls, so that the machine can stop in between.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let mut at = offset as usize;
        for half in [first, second].into_iter().filter(|half| !half.is_empty()) {
            if self.enter(Op::Write)? {
                break;
            }
            self.client.world(|world| {
                let mut content = world.content(self.id)?.to_vec();
                content.resize(content.len().max(at + half.len()), 0);
                content[at..at + half.len()].copy_from_slice(half);
                world.set_content(self.id, content)
            })?;
            at += half.len();
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.enter(Op::Truncate)?;
        self.client.world(|world| {
            let mut content = world.content(self.id)?.to_vec();
            content.resize(length as usize, 0);
            world.set_content(self.id, content)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        let entered = self.enter(Op::Sync);
        self.client.world(|world| match &entered {
            Ok(_) => world.sync(self.id),
            Err(_) => world.sync_failed(self.id),
        });
        entered.map(drop)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.enter(Op::SetMode)?;
        self.client.world(|world| {
            if world.refuses_modes {
                return Err(ErrorKind::PermissionDenied.into());
            }
            world.nodes[self.id].mode = mode;
            world.touched(self.id);
            Ok(())
        })
    }

    fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        self.enter(Op::SetOwner)?;
        self.client.world(|world| {
            let owner = world.nodes[self.id].owner;
            let new = (user.unwrap_or(owner.0), group.unwrap_or(owner.1));
            let may_give = |groups: &[u32]| new.0 == owner.0 && (new.1 == owner.1 || groups.contains(&new.1));
            if world.groups.as_deref().is_some_and(|groups| !may_give(groups)) {
                return Err(io::Error::from_raw_os_error(1));
            }
            world.nodes[self.id].owner = new;
            world.touched(self.id);
            Ok(())
        })
    }

    fn set_attribute(&self, name: &OsStr, value: &[u8]) -> io::Result<()> {
        self.enter(Op::SetAttribute)?;
        self.client.world(|world| {
            if world.refuses_attributes {
                return Err(ErrorKind::Unsupported.into());
            }
            world.nodes[self.id].attributes.push((name.to_owned(), value.to_owned()));
            world.touched(self.id);
            Ok(())
        })
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.enter(Op::TryLock)?;
        self.client.world(|world| Ok(world.try_lock(self.id, self.handle)))
    }

    fn lock(&self) -> io::Result<()> {
        self.enter(Op::Lock)?;
        self.client.wait_until(|world| world.try_lock(self.id, self.handle));
        Ok(())
    }

    fn tells_each_change(&self) -> bool {
        self.client.world(|world| world.multigrain)
    }
}

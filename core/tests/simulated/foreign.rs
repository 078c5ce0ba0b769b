//! What other programs and people do to the files: editors, plain stores, `touch`, `rm`.

use std::path::Path;

use super::client::Client;
use super::node::{Body, Id, directory, file};
use super::world::World;

impl Client {
    pub fn make_dirs(&self, dir: &Path) {
        self.world(|world| {
            for dir in dir.ancestors().collect::<Vec<_>>().into_iter().rev().skip(1) {
                if world.lookup(dir, true).is_err() {
                    world.place(dir, directory(), 0o755);
                }
            }
        });
    }

    /// Writes as an editor does that keeps the file: same inode, new content.
    pub fn write_in_place(&self, path: &Path, content: impl AsRef<[u8]>) {
        self.world(|world| {
            let id = world.lookup(path, true).unwrap_or_else(|_| world.place(path, file(), 0o644));
            world.set_content(id, content.as_ref().to_vec()).unwrap();
        });
    }

    /// Writes as a plain store does: a new file, renamed over the old one, without a lock.
    pub fn write_by_rename(&self, path: &Path, content: impl AsRef<[u8]>) {
        self.world(|world| {
            let tmp = path.with_extension("json.tmp");
            let id = world.lookup(&tmp, true).unwrap_or_else(|_| world.place(&tmp, file(), 0o644));
            world.set_content(id, content.as_ref().to_vec()).unwrap();
            world.rename(world.find(&tmp, false).unwrap(), world.find(path, true).unwrap()).unwrap();
        });
    }

    pub fn remove_file(&self, path: &Path) {
        self.world(|world| world.remove(world.find(path, false).unwrap()).unwrap());
    }

    pub fn remove_if_there(&self, path: &Path) {
        self.world(|world| drop(world.find(path, false).and_then(|found| world.remove(found))));
    }

    pub fn rename_file(&self, from: &Path, to: &Path) {
        self.world(|world| {
            world.rename(world.find(from, false).unwrap(), world.find(to, false).unwrap()).unwrap()
        });
    }

    pub fn link(&self, at: &Path, to: &Path) {
        self.world(|world| world.place(at, Body::Link(to.to_owned()), 0o777));
    }

    pub fn make_fifo(&self, at: &Path) {
        self.world(|world| world.place(at, Body::Fifo, 0o644));
    }

    /// `touch -r`: gives the file the mtime of what was there before.
    pub fn keeping_mtime(&self, path: &Path, change: impl FnOnce()) {
        let mtime = self.world(|world| world.nodes[world.lookup(path, true).unwrap()].mtime);
        change();
        self.world(|world| {
            let id = world.lookup(path, true).unwrap();
            world.nodes[id].mtime = mtime;
            world.touched(id);
        });
    }

    /// The content of a file, or `None` where there is none.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.world(|world| world.content(world.lookup(path, true).ok()?).ok().map(<[u8]>::to_vec))
    }

    pub fn mode(&self, path: &Path) -> Option<u32> {
        self.world(|world| Some(world.nodes[world.lookup(path, true).ok()?].mode))
    }

    pub fn owner(&self, path: &Path) -> Option<(u32, u32)> {
        self.world(|world| Some(world.nodes[world.lookup(path, true).ok()?].owner))
    }

    pub fn set_owner(&self, path: &Path, owner: (u32, u32)) {
        self.world(|world| {
            let id = world.lookup(path, true).unwrap();
            world.nodes[id].owner = owner;
            world.touched(id);
        });
    }

    pub fn names_in(&self, dir: &Path) -> Vec<String> {
        self.world(|world| match world.lookup(dir, true).map(|id| &world.nodes[id].body) {
            Ok(Body::Directory { soft, .. }) => {
                soft.keys().map(|name| name.to_string_lossy().into()).collect()
            }
            _ => Vec::new(),
        })
    }

    /// Lets time pass.
    pub fn wait(&self, nanos: i128) {
        self.world(|world| world.clock.pass(nanos));
    }
}

impl World {
    pub(super) fn place(&mut self, path: &Path, body: Body, mode: u32) -> Id {
        let at = self.find(path, true).unwrap();
        assert_eq!(at.id, None, "{path:?} is there");
        let id = self.create(body, mode);
        self.add(at.dir, at.name, id).unwrap();
        id
    }
}

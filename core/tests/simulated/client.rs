//! One process's way to the world, through the seam: counts its calls, fails them as planned, and lets
//! others come in between.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use file_process_store_core::fs::{File, FileSystem, FileTime, Obstacle, Stat};

use super::file::OpenFile;
use super::node::{Body, Id, directory, file};
use super::plan::{Call, Failure, Op, Own, Reach, When};
use super::world::{Found, OverOpenFiles, World};

#[derive(Clone)]
pub struct Client {
    world: Arc<Mutex<World>>,
    /// Told when a file is closed, and so perhaps a lock free.
    closing: Arc<Condvar>,
    /// States of the world between calls, where they are being recorded.
    states: Arc<Mutex<Option<Vec<World>>>>,
    own: Arc<Mutex<Own>>,
}

impl Client {
    pub fn new(world: World) -> Self {
        let world = Arc::new(Mutex::new(world));
        Client { world, closing: Arc::default(), states: Arc::default(), own: Arc::default() }
    }

    /// Another process in the same world.
    pub fn another(&self) -> Self {
        Client { own: Arc::default(), ..self.clone() }
    }

    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    /// Waits until `is_so`, which may change as files are closed.
    pub(super) fn wait_until(&self, mut is_so: impl FnMut(&mut World) -> bool) {
        drop(self.closing.wait_while(self.world.lock().unwrap(), |world| !is_so(world)).unwrap());
    }

    pub(super) fn closed(&self) {
        self.closing.notify_all();
    }

    /// Plans a failure of call number `at`, counted from now.
    pub fn fail(&self, at: usize, failure: Failure, reach: Reach) {
        *self.own.lock().unwrap() = Own { failure: Some((at, failure, reach)), ..Own::default() };
    }

    /// Plans the same failure of every call of a kind.
    pub fn fail_every(&self, op: Op, failure: Failure) {
        let failure = Some((0, failure, Reach::Kind));
        *self.own.lock().unwrap() = Own { failure, failing: Some(op), ..Own::default() };
    }

    /// Lets something happen just before call number `at`, counted from now.
    pub fn interrupt(&self, at: usize, what: impl FnOnce() + Send + 'static) {
        let interruption = Some((When::Call(at), Box::new(what) as _));
        *self.own.lock().unwrap() = Own { interruption, ..Own::default() };
    }

    /// The same just before the first call of a kind.
    pub fn interrupt_first(&self, op: Op, what: impl FnOnce() + Send + 'static) {
        let interruption = Some((When::First(op), Box::new(what) as _));
        *self.own.lock().unwrap() = Own { interruption, ..Own::default() };
    }

    /// Ends all that was planned, and hands over the calls since then.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.own.lock().unwrap()).calls
    }

    pub fn record_states(&self) {
        *self.states.lock().unwrap() = Some(Vec::new());
    }

    /// Every state of the world since the recording began, without the present one.
    pub fn recorded_states(&self) -> Vec<World> {
        self.states.lock().unwrap().take().unwrap_or_default()
    }

    /// Every call passes here first. True where a write or read is to stop.
    pub(super) fn enter(&self, op: Op, path: &Path, id: Option<Id>) -> io::Result<bool> {
        // The number is taken and looked at in one step: of two threads that call at once, each has its own.
        let (number, interruption) = {
            let mut own = self.own.lock().unwrap();
            let number = own.calls.len();
            own.calls.push(Call { op, path: path.to_owned(), id });
            let interruption = own.interruption.take_if(|(when, _)| match *when {
                When::Call(at) => at == number,
                When::First(first) => first == op,
            });
            (number, interruption)
        };
        if let Some((_, interrupt)) = interruption {
            interrupt();
        }
        self.world(|world| {
            let step = world.clock.step;
            world.clock.pass(step);
            if let Some(states) = &mut *self.states.lock().unwrap()
                && states.last().is_none_or(|last| last.changes != world.changes)
            {
                states.push(world.clone());
            }
        });
        let failure = self.own.lock().unwrap().planned(number, op);
        match failure {
            None => Ok(false),
            Some(Failure::Short) => Ok(matches!(op, Op::Write | Op::Read)),
            Some(Failure::Errno(number)) => Err(io::Error::from_raw_os_error(number)),
            // Unwinding closes the handles as the kernel would. No panic hook runs.
            Some(Failure::Kill) => resume_unwind(Box::new("killed".to_owned())),
        }
    }

    fn opened(&self, path: &Path, id: Id, writable: bool) -> Box<dyn File> {
        Box::new(OpenFile::new(self.clone(), path, id, writable))
    }

    fn create(&self, path: &Path, body: Body, mode: u32) -> io::Result<Id> {
        self.world(|world| match world.find(path, false)? {
            Found { id: Some(_), .. } => Err(ErrorKind::AlreadyExists.into()),
            at => world.create_at(at, body, mode),
        })
    }
}

impl FileSystem for Client {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.enter(Op::Stat, path, None)?;
        self.world(|world| world.lookup(path, true).map(|id| world.stat(id)))
    }

    fn stat_link(&self, path: &Path) -> io::Result<Stat> {
        self.enter(Op::StatLink, path, None)?;
        self.world(|world| world.lookup(path, false).map(|id| world.stat(id)))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.enter(Op::ReadLink, path, None)?;
        self.world(|world| match &world.nodes[world.lookup(path, false)?].body {
            Body::Link(target) => Ok(target.clone()),
            _ => Err(ErrorKind::InvalidInput.into()),
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.enter(Op::Open, path, None)?;
        let id = self.world(|world| world.lookup(path, true))?;
        Ok(self.opened(path, id, false))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.enter(Op::CreateNew, path, None)?;
        let id = self.create(path, file(), 0o600)?;
        Ok(self.opened(path, id, true))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.enter(Op::OpenLock, path, None)?;
        // Found and opened in one step: another process may be about to delete it.
        let id = self.world(|world| match world.lookup(path, false)? {
            id if matches!(world.nodes[id].body, Body::File { .. }) => Ok(id),
            _ => Err(io::Error::other("not a regular file")),
        })?;
        Ok(self.opened(path, id, true))
    }

    fn attributes(&self, path: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        self.enter(Op::Attributes, path, None)?;
        self.world(|world| Ok(world.nodes[world.lookup(path, true)?].attributes.clone()))
    }

    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.enter(Op::OpenWritable, path, None)?;
        let id = self.world(|world| world.lookup(path, false))?;
        Ok(self.opened(path, id, true))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.enter(Op::Rename, to, None)?;
        let takes_aside = self.world(|world| {
            let is_written = world.lookup(from, false).is_ok_and(|id| world.nodes[id].is_being_written());
            world.renames_of_files_being_written += usize::from(is_written);
            let target = world.find(to, false)?.id.filter(|&id| world.nodes[id].is_held());
            let Some(id) = target else { return Ok(false) };
            world.renames_over_open_files += 1;
            match world.over_open_files {
                OverOpenFiles::Replace => Ok(false),
                OverOpenFiles::TakeAside => world.remove(world.find(to, false)?).map(|()| true),
                OverOpenFiles::Refuse => Err(ErrorKind::PermissionDenied.into()),
                OverOpenFiles::RefuseAndDelete => {
                    world.nodes[id].is_doomed = true;
                    Err(ErrorKind::PermissionDenied.into())
                }
            }
        })?;
        if takes_aside {
            // A second request to the server. Until it is answered, others find no file.
            self.enter(Op::Rename, to, None)?;
        }
        self.world(|world| world.rename(world.find(from, false)?, world.find(to, false)?))
    }

    fn obstacle(&self, _target: &Path) -> Option<Obstacle> {
        self.world(|world| world.obstacle)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.enter(Op::Remove, path, None)?;
        self.world(|world| world.remove(world.find(path, false)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.enter(Op::List, dir, None)?;
        self.world(|world| match &world.nodes[world.lookup(dir, true)?].body {
            Body::Directory { soft, .. } => Ok(soft.keys().cloned().collect()),
            _ => Err(ErrorKind::NotADirectory.into()),
        })
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.enter(Op::CreateDir, dir, None)?;
        self.create(dir, directory(), 0o700).map(drop)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.enter(Op::SyncDir, dir, None)?;
        self.world(|world| {
            let id = world.lookup(dir, true)?;
            world.sync(id);
            Ok(())
        })
    }

    fn set_dir_owner(&self, dir: &Path, owner: (u32, u32)) -> io::Result<()> {
        self.enter(Op::SetDirOwner, dir, None)?;
        self.world(|world| {
            let id = world.lookup(dir, false)?;
            world.nodes[id].owner = owner;
            Ok(())
        })
    }

    fn now(&self) -> FileTime {
        self.world(|world| world.clock.of_programs())
    }

    fn pause(&self, time: Duration) {
        self.wait(time.as_nanos() as i128);
    }

    fn uptime(&self) -> Duration {
        self.world(|world| world.clock.uptime())
    }

    fn is_local(&self, path: &Path) -> bool {
        self.world(|world| match world.find(path, true) {
            Ok(found) if found.id.is_some() => world.local && world.network != Some(found.dir),
            _ => false,
        })
    }

    fn has_identity(&self) -> bool {
        self.world(|world| world.identity)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Client")
    }
}

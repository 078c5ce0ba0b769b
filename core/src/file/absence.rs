//! When a data file that isn't there counts as gone.
//!
//! `git checkout`, `sed -i.bak`, `cp --remove-destination` and the like take a file away and put it, or another one, back
//! a moment later. Who took that moment for an empty store would write one with a single record, and make the loss
//! final. So the rule is:
//!
//! - A file that was there counts as gone only when it stays away for a while ([`WAITS`]). That it was there is told by
//!   the last snapshot, or by the lock file beside it, which every writer of ours makes. Where neither tells, as in a
//!   new directory, nothing waits.
//! - A file that stays away was deleted, and the store goes on empty, if its directory, or the nearest one above it that
//!   is left, is on the file system that it was on. If not, a mount has gone, and what is at the path now is a stranger:
//!   reads and writes are refused until the mount is back, or a file is there.
//! - Only "there is no such file" is absence. Any other answer (a server that is gone, a stale handle) is an error.
//!
//! A reader that may not wait ([`State::peek`]) has no answer meanwhile.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::{Context, Error};
use crate::file::lock::path_for;
use crate::file::place;
use crate::file::state::{State, lock};
use crate::fs::Stamp;
use crate::records::Record;

/// The pauses between looks for a file that was there: short ones, so that one that comes and goes is met.
const WAITS: [Duration; 31] = [Duration::from_millis(5); 31];

/// "No such device", on all systems whose files tell their device.
const ENODEV: i32 = 19;

impl<R: Record> State<R> {
    /// The stamp of the file that a path leads to, `None` if it is gone for good. `creates` is for who is about to make
    /// one: whoever else has found it gone, the lock file is reason to look again.
    pub fn find(&self, path: &Path, creates: bool) -> Result<Option<Stamp>, Error> {
        if let Some(stamp) = self.look(path)? {
            return Ok(Some(stamp));
        }
        let _alone = lock(&self.refreshing);
        self.find_alone(path, creates)
    }

    /// The same for who holds `refreshing`.
    pub(super) fn find_alone(&self, path: &Path, creates: bool) -> Result<Option<Stamp>, Error> {
        if let Some(stamp) = self.look(path)? {
            return Ok(Some(stamp));
        }
        let is_known = self.gone.load(Ordering::Acquire);
        let was_seen = !is_known && self.known().stamp().is_some();
        if was_seen || (creates || !is_known) && self.has_lock_file(path)? {
            for wait in WAITS {
                self.fs.pause(wait);
                if let Some(stamp) = self.look(path)? {
                    return Ok(Some(stamp));
                }
            }
        }
        let device = self.device(path)?;
        let mut home = lock(&self.home);
        if was_seen && home.is_some_and(|home| home != device) {
            let refused = Err(std::io::Error::from_raw_os_error(ENODEV)).context("stat", path);
            return refused.map_err(|error| {
                error.because(
                    "the file is gone, and its directory is not on the file system that it was on: was it unmounted? \
                     Mount it again, or open the store anew to begin an empty one",
                )
            });
        }
        *home = Some(device);
        self.gone.store(true, Ordering::Release);
        Ok(None)
    }

    fn look(&self, path: &Path) -> Result<Option<Stamp>, Error> {
        let stamp = place::stamp(&*self.fs, path)?;
        if stamp.is_some() {
            self.gone.store(false, Ordering::Release);
        }
        Ok(stamp)
    }

    /// Remembers on which file system the file's directory is.
    pub(super) fn note_home(&self, path: &Path) {
        if let Ok(device) = self.device(path) {
            *lock(&self.home) = Some(device);
        }
    }

    fn has_lock_file(&self, path: &Path) -> Result<bool, Error> {
        let target = place::resolve(&*self.fs, path)?;
        Ok(self.fs.stat_link(&path_for(&target)).is_ok())
    }

    /// The file system of the nearest directory above a path.
    fn device(&self, path: &Path) -> Result<u64, Error> {
        for dir in path.ancestors().skip(1) {
            match self.fs.stat(dir) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                found => return found.map(|found| found.stamp.dev).context("stat", dir),
            }
        }
        Ok(0)
    }
}

//! Waiting for a lock that somebody else holds, in the system's own line.
//!
//! Asking again and again is fair to nobody, and where fifty processes ask, the holder hardly gets to its work. The system
//! wakes those who wait in its call one by one, as they came. But a thread that waits there can't be called back, and
//! callers wait no longer than they said. So a thread of its own waits, and those who want the lock wait for its word.
//! What it gets when nobody wants it any more, it frees at once.
//!
//! A data file has one such thread at most, however many callers come and give up while a holder hangs; the next one takes
//! over its place in the line. It belongs to nobody: no store, worker or process waits for its end.
//!
//! Where it can't be had, the lock is tried again after a pause: the system starts no more threads, or the thread still
//! waits for a lock file that was deleted, while the path leads to a new one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::file::lock::{Attempt, Identity, Lock};
use crate::file::place;
use crate::threads::guarded;

/// For how long a waiter relies on what it has found at the paths: the lock file may be deleted, and the data file may
/// go away, or be another one.
const RELIED_ON: Duration = Duration::from_millis(100);

/// Those who want the lock of one data file, and the thread that waits for it.
#[derive(Default)]
pub(crate) struct Waiter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The lock file that the thread waits for, while there is a thread.
    waits_for: Option<Identity>,
    /// What it got, until one of those who want it takes it.
    got: Option<Result<Lock, Error>>,
    wanted_by: usize,
    /// How often those who want it were called.
    calls: u64,
}

/// Somebody who wants the lock.
#[must_use = "the lock is wanted until this is dropped"]
pub(crate) struct Wanting {
    shared: Arc<Shared>,
    since: Instant,
}

impl Waiter {
    /// Begins to want the lock.
    pub fn want(&self) -> Wanting {
        self.0.lock().wanted_by += 1;
        Wanting { shared: self.0.clone(), since: Instant::now() }
    }

    /// Calls those who wait: how long they want to wait may be another time now.
    pub fn call(&self) {
        let mut state = self.0.lock();
        if state.wanted_by > 0 {
            state.calls += 1;
            self.0.changed.notify_all();
        }
    }
}

impl Wanting {
    /// Waits after an attempt that failed. `left` says how much longer, now and after each call; `None` is: no longer.
    /// Returns a lock, if there is one, of the file that was at the path when the thread began; without one it is time
    /// to give up, or to try again.
    pub fn wait(
        &self,
        failed: Attempt,
        mut left: impl FnMut() -> Option<Duration>,
    ) -> Result<Option<Lock>, Error> {
        let began = Instant::now();
        let mut failed = Some(failed);
        let mut in_line = false;
        loop {
            let calls = self.shared.lock().calls;
            let Some(left) = left() else { return Ok(None) };
            if let Some(failed) = failed.take() {
                in_line = self.shared.line_up(failed);
            }
            let relied_on = if in_line { RELIED_ON } else { pause(self.since.elapsed()) };
            let Some(rest) = relied_on.checked_sub(began.elapsed()) else { return Ok(None) };
            let left_line = |state: &State| in_line && state.waits_for.is_none();
            let waits = |state: &mut State| state.got.is_none() && state.calls == calls && !left_line(state);
            let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), rest.min(left), waits);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if let Some(got) = state.got.take() {
                return got.map(Some);
            }
            // Somebody else of this process has it.
            if left_line(&state) {
                return Ok(None);
            }
        }
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.wanted_by -= 1;
        let unwanted = if state.wanted_by == 0 { state.got.take() } else { None };
        drop(state);
        drop(unwanted);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that the thread waits for this lock. False where it can't.
    fn line_up(self: &Arc<Self>, failed: Attempt) -> bool {
        let Attempt::Busy(busy) = failed else { return false };
        let Ok(identity) = busy.identity() else { return false };
        let mut state = self.lock();
        if let Some(other) = &state.waits_for {
            return *other == identity;
        }
        if state.got.is_some() {
            return true;
        }
        let shared = self.clone();
        let wait = move || {
            let got = guarded(|| busy.wait());
            let mut state = shared.lock();
            state.waits_for = None;
            if state.wanted_by > 0 {
                state.got = Some(got);
                shared.changed.notify_all();
            }
        };
        let started = std::thread::Builder::new().name("lock".into()).spawn(wait).is_ok();
        state.waits_for = started.then_some(identity);
        started
    }
}

/// A random while, so that processes that try don't keep step; longer after long, as there may be many of them.
pub(crate) fn pause(waited: Duration) -> Duration {
    let about = (waited / 8).clamp(Duration::from_millis(1), Duration::from_millis(25));
    about / 2 + about.mul_f64((place::random() % 1024) as f64 / 1024.0)
}

//! Snapshots of files that were replaced. The system frees a file's blocks when its last handle is closed.
//!
//! For a large file that takes longer than writing it, so it is done where no commit waits for it, after the callers of the
//! commit have been told. Until then the disk holds one more file for each commit. If that is why the next one has no
//! room, its writer waits for it here, and tries once more: a store needs room for two files, and never for three.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file::state::View;

pub(crate) struct Retired<R> {
    waiting: Mutex<Vec<Arc<View<R>>>>,
    /// Held while files are being freed.
    freeing: Mutex<()>,
    /// How many are not freed yet.
    left: AtomicUsize,
}

impl<R> Retired<R> {
    pub fn new() -> Self {
        Retired { waiting: Mutex::default(), freeing: Mutex::default(), left: AtomicUsize::new(0) }
    }

    pub fn add(&self, view: Arc<View<R>>) {
        self.left.fetch_add(1, Ordering::AcqRel);
        lock(&self.waiting).push(view);
    }

    /// Whether some may still have their blocks.
    pub fn are_left(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }

    /// Frees all that have been added. Returns when it is done, by whomever.
    pub fn free(&self) {
        let _alone = lock(&self.freeing);
        let all = std::mem::take(&mut *lock(&self.waiting));
        let count = all.len();
        drop(all);
        self.left.fetch_sub(count, Ordering::AcqRel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

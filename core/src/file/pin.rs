//! Files that snapshots keep open, so that their inode numbers are not used again (rule 1 of the snapshot's validation).
//!
//! A process has only so many descriptors, and may have thousands of stores. So no more than [`MOST`] files are kept open:
//! for one more, one that has not been asked for of late is given up. Its snapshot counts no longer, and the next read
//! compares bytes once. Nothing is given up for its age: that would take a timer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fs::File;

const MOST: usize = 256;

/// Those of all stores, in the order in which they may be given up.
static HELD: Mutex<VecDeque<Arc<Held>>> = Mutex::new(VecDeque::new());

#[derive(Debug)]
struct Held {
    file: Mutex<Option<Box<dyn File>>>,
    given_up: AtomicBool,
    /// Since it was last in turn to be given up.
    asked_for: AtomicBool,
}

/// A file that is kept open. Dropping it closes the file.
#[derive(Debug)]
pub(crate) struct Pin(Arc<Held>);

impl Pin {
    /// Keeps a file open, which must be one for reading: a handle for writing would keep the disk from being mounted
    /// read-only.
    pub fn new(file: Box<dyn File>) -> Pin {
        let held = Arc::new(Held {
            file: Mutex::new(Some(file)),
            given_up: AtomicBool::new(false),
            asked_for: AtomicBool::new(false),
        });
        let surplus = {
            let mut all = lock(&HELD);
            if all.len() >= MOST {
                // Those that only this list still knows are closed.
                all.retain(|held| Arc::strong_count(held) > 1);
            }
            let surplus = if all.len() >= MOST { next_to_go(&mut all) } else { None };
            all.push_back(held.clone());
            surplus
        };
        if let Some(surplus) = surplus {
            surplus.given_up.store(true, Ordering::SeqCst);
            // Closed while the mutex is held: whoever drops the pin can rely on the file being closed then.
            *lock(&surplus.file) = None;
        }
        Pin(held)
    }

    /// Whether the file is still open, and so was at any earlier moment.
    pub fn holds(&self) -> bool {
        self.0.asked_for.store(true, Ordering::Relaxed);
        !self.0.given_up.load(Ordering::SeqCst)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        *lock(&self.0.file) = None;
    }
}

/// The first that has not been asked for since its last turn; if all have, the first.
fn next_to_go(all: &mut VecDeque<Arc<Held>>) -> Option<Arc<Held>> {
    for _ in 0..all.len() {
        if !all.front()?.asked_for.swap(false, Ordering::Relaxed) {
            break;
        }
        all.rotate_left(1);
    }
    all.pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

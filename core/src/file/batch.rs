//! Mutations that are handed over together, and what is told of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::records::Record;
use crate::records::draft::{Done, Mutation};

/// How a batch is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Sync file and directory, so that the batch survives a power loss once it is acknowledged.
    pub durable: bool,
    /// How long to wait for the lock of another process.
    pub lock_timeout: Duration,
    /// Append what changes to a journal, instead of replacing the file each time.
    pub journal: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions { durable: true, lock_timeout: Duration::from_secs(10), journal: false }
    }
}

type Callback<R> = Box<dyn FnOnce(Result<Receipt<R>, Error>) + Send>;

/// Mutations that are handed over together, and applied in order.
pub struct Batch<R> {
    pub(crate) mutations: Vec<Mutation<R>>,
    pub(crate) options: WriteOptions,
    done: Callback<R>,
    /// When it began to wait for others: for the lock, or for a file that they have open.
    pub(crate) waiting_since: Instant,
}

impl<R: Record> Batch<R> {
    /// `done` is called once, on the writer's thread: with one result a mutation when the batch is durable, or
    /// with the error that rejects it as a whole.
    pub fn new(
        mutations: Vec<Mutation<R>>,
        options: WriteOptions,
        done: impl FnOnce(Result<Receipt<R>, Error>) + Send + 'static,
    ) -> Self {
        Batch { mutations, options, done: Box::new(done), waiting_since: Instant::now() }
    }

    pub(crate) fn creates(&self) -> bool {
        self.mutations.iter().any(Mutation::creates)
    }

    /// When it has waited for long enough; `None` where that is never.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.checked_add(self.options.lock_timeout)
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.waiting_since.elapsed() >= self.options.lock_timeout
    }

    /// How much longer it waits.
    pub(crate) fn left(&self) -> Duration {
        self.options.lock_timeout.saturating_sub(self.waiting_since.elapsed())
    }

    /// Tells the caller. A callback that panics harms nobody else.
    pub(crate) fn tell(self, result: Result<Receipt<R>, Error>) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.done)(result)));
    }

    pub(crate) fn prepare(&mut self) {
        self.mutations.iter_mut().for_each(Mutation::prepare);
    }
}

/// What a batch of mutations did.
#[derive(Clone, Debug)]
pub struct Receipt<R> {
    /// One result for each mutation, in order.
    pub results: Vec<Result<Done<R>, Error>>,
    /// Records that retention removed.
    pub pruned: Vec<Arc<R>>,
    /// The commit that the batch was part of.
    pub commit: CommitStats,
}

impl<R> Receipt<R> {
    /// Lets go of all records; what the commit took stays.
    pub fn clear(&mut self) {
        self.results = Vec::new();
        self.pruned = Vec::new();
    }
}

/// What one commit took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Mutations of all batches in it.
    pub operations: usize,
    /// Bytes written; 0 where nothing had changed.
    pub bytes: u64,
    /// Whether they were appended to a journal.
    pub appended: bool,
    /// Time spent on waiting for the lock.
    pub lock_wait: Duration,
    /// Time from the lock to the end, syncs included.
    pub took: Duration,
    /// How often it started over: a writer without the lock came in between, the lock was lost, or there was no room
    /// until an earlier file was freed; and how often the rename was tried again.
    pub retries: usize,
}

/// Rejects each batch as a whole.
pub(crate) fn reject<R: Record>(group: Vec<Batch<R>>, error: &Error) {
    for batch in group {
        batch.tell(Err(error.clone()));
    }
}

//! One data file: its current snapshot, and the queue of mutations that wait for it.
//!
//! Readers validate the snapshot by a stat and share it; they take no lock of any writer. Mutations go to
//! the queue; one writer at a time takes all that is there and commits it at once (group commit), so a
//! burst of a hundred calls costs one commit, and no timer delays a single one.

mod absence;
pub(crate) mod access;
pub(crate) mod batch;
pub(crate) mod commit;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod pin;
pub(crate) mod place;
mod retired;
pub(crate) mod snapshot;
pub(crate) mod state;
mod waiter;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::Instant;

use crate::error::Error;
use crate::file::batch::{Batch, CommitStats, Receipt, WriteOptions, reject};
use crate::file::commit::{Committed, Settled, Turn};
use crate::file::lock::{Attempt, Lock, path_for};
use crate::file::state::{State, lock};
use crate::fs::FileSystem;
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::Mutation;
use crate::threads::{self, guarded};

/// How often a commit may lose its lock. Nobody deletes lock files for ever, but a file system may say so.
const MOST_LOST_LOCKS: usize = 64;

struct Queue<R> {
    waiting: VecDeque<Batch<R>>,
    /// Whether a writer is at work, or about to be.
    writing: bool,
}

/// A data file.
pub struct DataFile<R> {
    pub(crate) state: Arc<State<R>>,
    /// Whether a journal is being folded into its file.
    folding: Arc<AtomicBool>,
    queue: Mutex<Queue<R>>,
    /// Held by a writer from before its commit is visible until all its batches have been told.
    settling: Mutex<()>,
}

impl<R: Record> DataFile<R> {
    /// The file at an absolute path. Touches nothing.
    pub fn new(fs: Arc<dyn FileSystem>, path: PathBuf) -> Self {
        DataFile {
            state: Arc::new(State::new(fs, path)),
            folding: Arc::default(),
            queue: Mutex::new(Queue { waiting: VecDeque::new(), writing: false }),
            settling: Mutex::new(()),
        }
    }

    /// Where the file is, links not resolved.
    pub fn path(&self) -> &Path {
        &self.state.path
    }

    /// The content, if a stat is enough to tell that it is current. Never waits for a network or a lock.
    pub fn peek(&self) -> Option<Arc<Content<R>>> {
        self.state.peek()
    }

    /// The content as of now: every write that any process finished before the call is in it.
    pub fn read(&self) -> Result<Arc<Content<R>>, Error> {
        self.state.read()
    }

    /// How many records the last snapshot had; touches nothing.
    pub fn last_count(&self) -> usize {
        self.state.last_count()
    }

    /// The size of the file in bytes, as of now; 0 if there is none.
    pub fn size(&self) -> Result<u64, Error> {
        self.state.size()
    }

    /// Calls `see` with the content as of now, at a moment when every commit of this process that is in it has been
    /// told to those who asked for it.
    pub fn read_settled<T>(&self, see: impl FnOnce(&Content<R>) -> T) -> Result<T, Error> {
        let _settled = lock(&self.settling);
        self.read().map(|content| see(&content))
    }

    /// Applies mutations, as `submit` does, and waits for the result.
    pub fn apply(&self, mutations: Vec<Mutation<R>>, options: WriteOptions) -> Result<Receipt<R>, Error> {
        let (sender, receiver) = mpsc::channel();
        let done = move |result| drop(sender.send(result));
        if self.enqueue(Batch::new(mutations, options, done)) {
            self.write_queued();
        }
        receiver.recv().unwrap_or_else(|_| Err(Error::Internal("the writer is gone".into())))
    }

    /// Makes the file what it and its journal are together, and ends the journal. False where there is none.
    pub fn checkpoint(&self, options: WriteOptions) -> Result<bool, Error> {
        guarded(|| self.state.checkpoint(options.lock_timeout, false))
    }

    /// The size of the journal in bytes, as of now; 0 if there is none.
    pub fn journal_size(&self) -> Result<u64, Error> {
        self.state.journal_size()
    }

    /// Queues a batch for the writer, which runs on `runtime`. Batches are applied in the order of these calls.
    pub fn submit(self: &Arc<Self>, runtime: &tokio::runtime::Handle, batch: Batch<R>) {
        if self.enqueue(batch) {
            let file = self.clone();
            threads::spawn(runtime, move |started| match started {
                Ok(()) => file.write_queued(),
                Err(error) => file.refuse_queued(&error),
            });
        }
    }

    /// There is no writer to be had: nobody else would ever take what is queued.
    fn refuse_queued(&self, error: &Error) {
        let mut queue = lock(&self.queue);
        queue.writing = false;
        let waiting = queue.waiting.drain(..).collect();
        drop(queue);
        reject(waiting, error);
    }

    /// Whether the caller has to see to it that a writer runs.
    fn enqueue(&self, batch: Batch<R>) -> bool {
        let mut queue = lock(&self.queue);
        queue.waiting.push_back(batch);
        let was_writing = std::mem::replace(&mut queue.writing, true);
        drop(queue);
        if was_writing {
            // This one may be willing to wait for a shorter time than those before it.
            self.state.waiter.call();
        }
        !was_writing
    }

    /// The writer: commits until the queue is empty.
    fn write_queued(&self) {
        loop {
            let mut group: Vec<Batch<R>> = {
                let mut queue = lock(&self.queue);
                queue.writing = !queue.waiting.is_empty();
                queue.waiting.drain(..).collect()
            };
            if group.is_empty() {
                // Another writer may begin meanwhile.
                self.state.retired.free();
                return;
            }
            if self.state.retired.are_left()
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                let retired = self.state.retired.clone();
                threads::spawn(&runtime, move |_| retired.free());
            }
            let mut settling = None;
            match guarded(|| self.commit_group(&mut group, &mut settling)) {
                Ok(Settled { receipts, retired, .. }) => {
                    for (batch, receipt) in group.into_iter().zip(receipts) {
                        batch.tell(Ok(receipt));
                    }
                    if let Some(replaced) = retired {
                        self.state.retired.add(replaced);
                    }
                    self.fold_if_needed();
                }
                Err(error) => reject(group, &error),
            }
        }
    }

    /// A journal that has outgrown its file is folded into it while the next calls go on.
    fn fold_if_needed(&self) {
        if !self.state.needs_checkpoint() || self.folding.swap(true, Ordering::AcqRel) {
            return;
        }
        let (state, folding) = (self.state.clone(), self.folding.clone());
        let fold = move || {
            state.checkpoint_behind();
            folding.store(false, Ordering::Release);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => threads::spawn(&runtime, move |_| fold()),
            Err(_) => fold(),
        }
    }

    fn commit_group<'a>(
        &'a self,
        group: &mut Vec<Batch<R>>,
        settling: &mut Option<MutexGuard<'a, ()>>,
    ) -> Result<Settled<R>, Error> {
        group.iter_mut().for_each(Batch::prepare);
        let began = Instant::now();
        for batch in &mut *group {
            batch.waiting_since = began;
        }
        let mut lost_locks = 0;
        loop {
            *settling = None;
            let acquired = match self.acquire(group) {
                Err(refusal) if refusal.forbids_writing() => {
                    self.join(group);
                    let Ok(content) = self.read() else { return Err(refusal) };
                    if group.iter().any(|batch| batch.options.durable)
                        && !content.records().is_empty()
                        && place::sync_name(&*self.state.fs, self.path()).is_err()
                    {
                        // As in a commit: others may have been about to sync what left nothing to do.
                        return Err(refusal);
                    }
                    let receipts = commit::refuse_changes(&content, group, &refusal);
                    return Ok(Settled { receipts, retired: None, bytes: 0, appended: false, restarts: 0 });
                }
                acquired => acquired?,
            };
            let Some(turn) = acquired else {
                // No file, and nothing that makes one: there is nothing to find, either.
                let receipts = commit::apply(&Content::empty(), group).0;
                return Ok(Settled { receipts, retired: None, bytes: 0, appended: false, restarts: 0 });
            };
            self.join(group);
            let lock_wait = began.elapsed();
            *settling = Some(lock(&self.settling));
            let mut settled = match self.state.commit(&turn, group)? {
                Committed::Done(settled) => settled,
                Committed::LostLock if lost_locks < MOST_LOST_LOCKS => {
                    lost_locks += 1;
                    continue;
                }
                Committed::LostLock => {
                    return Err(Error::Locked { path: path_for(&turn.target), waited: began.elapsed() });
                }
                // Those that have more time try again.
                Committed::Hindered(error) => {
                    for batch in group.extract_if(.., |batch| batch.is_expired()) {
                        batch.tell(Err(error.clone()));
                    }
                    if group.is_empty() {
                        return Ok(Settled {
                            receipts: Vec::new(),
                            retired: None,
                            bytes: 0,
                            appended: false,
                            restarts: 0,
                        });
                    }
                    continue;
                }
            };
            let stats = CommitStats {
                operations: group.iter().map(|batch| batch.mutations.len()).sum(),
                bytes: settled.bytes,
                appended: settled.appended,
                lock_wait,
                took: began.elapsed().saturating_sub(lock_wait),
                retries: settled.restarts
                    + lost_locks
                    + self.state.renames_retried.swap(0, Ordering::Relaxed),
            };
            settled.receipts.iter_mut().for_each(|receipt| receipt.commit = stats);
            return Ok(settled);
        }
    }

    /// Takes what has come in meanwhile into the group.
    fn join(&self, group: &mut Vec<Batch<R>>) {
        let known = group.len();
        group.extend(lock(&self.queue).waiting.drain(..));
        group[known..].iter_mut().for_each(Batch::prepare);
    }

    /// Waits for the lock. Batches that have waited too long are rejected and leave the group; ones that come
    /// in meanwhile join it. `None` where there is no file and no batch that would make one.
    fn acquire(&self, group: &mut Vec<Batch<R>>) -> Result<Option<Turn>, Error> {
        let fs = &*self.state.fs;
        let mut wanting = None;
        let mut got = None;
        loop {
            let target = place::resolve(fs, &self.state.path)?;
            if group.iter().any(Batch::creates) {
                if wanting.is_none() {
                    // Before a directory or a lock file is made, which would take the place of what is only away.
                    self.state.find(&target, true)?;
                }
                let durable = group.iter().any(|batch| batch.options.durable);
                place::make_dirs(fs, place::parent(&self.state.path), durable)?;
            } else if self.state.find(&target, false)?.is_none() {
                return Ok(None);
            }
            let path = path_for(&target);
            let failed = match Lock::take_or_try(got, fs, &target)? {
                Attempt::Held(lock) => {
                    if wanting.is_some() {
                        // Who had the lock has made the file, if there was none.
                        self.state.find(&target, true)?;
                    }
                    return Ok(Some(Turn { lock, target }));
                }
                failed => failed,
            };
            let wanting = wanting.get_or_insert_with(|| self.state.waiter.want());
            got = wanting.wait(failed, || {
                self.join(group);
                for batch in group.extract_if(.., |batch| batch.is_expired()) {
                    let waited = batch.waiting_since.elapsed();
                    batch.tell(Err(Error::Locked { path: path.clone(), waited }));
                }
                group.iter().map(Batch::left).min()
            })?;
            if group.is_empty() {
                return Ok(None);
            }
        }
    }
}

impl<R> std::fmt::Debug for DataFile<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("DataFile").field("path", &self.state.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

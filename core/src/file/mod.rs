//! One data file: its current snapshot, and the queue of mutations that wait for it.
//!
//! Readers validate the snapshot by a stat and share it; they take no lock of any writer. Mutations go to
//! the queue; one writer at a time takes all that is there and commits it at once (group commit), so a
//! burst of a hundred calls costs one commit, and no timer delays a single one.

pub(crate) mod commit;
pub(crate) mod lock;
pub(crate) mod place;
mod retired;
pub(crate) mod snapshot;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::error::{Context, Error};
use crate::file::commit::{CommitStats, Committed, Receipt, Settled, Turn};
use crate::file::lock::{Lock, path_for, pause};
use crate::file::retired::Retired;
use crate::file::snapshot::{Content, Snapshot, Unread};
use crate::fs::{File, FileSystem};
use crate::json::input::Input;
use crate::records::Record;
use crate::records::draft::Mutation;
use crate::threads;

/// How a batch is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Sync file and directory, so that the batch survives a power loss once it is acknowledged.
    pub durable: bool,
    /// How long to wait for the lock of another process.
    pub lock_timeout: Duration,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions { durable: true, lock_timeout: Duration::from_secs(10) }
    }
}

type Callback<R> = Box<dyn FnOnce(Result<Receipt<R>, Error>) + Send>;

/// Mutations that are handed over together, and applied in order.
pub struct Batch<R> {
    pub(crate) mutations: Vec<Mutation<R>>,
    pub(crate) options: WriteOptions,
    done: Callback<R>,
    /// When it began to wait for a lock that somebody else holds.
    waiting_since: Instant,
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

    fn creates(&self) -> bool {
        self.mutations.iter().any(Mutation::creates)
    }

    /// Tells the caller. A callback that panics harms nobody else.
    fn tell(self, result: Result<Receipt<R>, Error>) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.done)(result)));
    }

    fn prepare(&mut self) {
        self.mutations.iter_mut().for_each(Mutation::prepare);
    }
}

struct Queue<R> {
    waiting: VecDeque<Batch<R>>,
    /// Whether a writer is at work, or about to be.
    writing: bool,
}

/// A data file.
pub struct DataFile<R> {
    pub(crate) fs: Arc<dyn FileSystem>,
    path: PathBuf,
    current: Mutex<Arc<Snapshot<R>>>,
    /// Held while the file is read, so that many readers at once read it once.
    refreshing: Mutex<()>,
    /// Whether a stat of the path can't wait for a network, as found when the file was last read.
    local: AtomicBool,
    queue: Mutex<Queue<R>>,
    /// Held by a writer from before its commit is visible until all its batches have been told.
    settling: Mutex<()>,
    /// What commits have replaced, until it is freed.
    pub(crate) retired: Arc<Retired<R>>,
    /// How often renames were tried again since a receipt told it.
    pub(crate) renames_retried: AtomicUsize,
}

impl<R: Record> DataFile<R> {
    /// The file at an absolute path. Touches nothing.
    pub fn new(fs: Arc<dyn FileSystem>, path: PathBuf) -> Self {
        DataFile {
            fs,
            path,
            current: Mutex::new(Arc::new(Snapshot::missing())),
            refreshing: Mutex::new(()),
            local: AtomicBool::new(false),
            queue: Mutex::new(Queue { waiting: VecDeque::new(), writing: false }),
            settling: Mutex::new(()),
            retired: Arc::new(Retired::new()),
            renames_retried: AtomicUsize::new(0),
        }
    }

    /// Where the file is, links not resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content, if a stat is enough to tell that it is current. Never waits for a network or a lock.
    pub fn peek(&self) -> Option<Arc<Content<R>>> {
        if !self.local.load(Ordering::Relaxed) {
            return None;
        }
        let stamp = place::stamp(&*self.fs, &self.path).ok()?;
        // The snapshot itself is not held here: whoever drops it last waits for the system to free the old file.
        let last = lock(&self.current);
        last.is_current(stamp, self.fs.now()).then(|| last.content.clone())
    }

    /// The content as of now: every write that any process finished before the call is in it.
    pub fn read(&self) -> Result<Arc<Content<R>>, Error> {
        if let Some(content) = self.peek() {
            return Ok(content);
        }
        guarded(|| self.refresh(&self.path)).map(|snapshot| snapshot.content.clone())
    }

    /// Calls `see` with the content as of now, at a moment when every commit of this process that is in it has been
    /// told to those who asked for it.
    pub fn read_settled<T>(&self, see: impl FnOnce(&Content<R>) -> T) -> Result<T, Error> {
        let _settled = lock(&self.settling);
        self.read().map(|content| see(&content))
    }

    /// How many records the last snapshot had; touches nothing.
    pub fn last_count(&self) -> usize {
        lock(&self.current).content.records().len()
    }

    /// The size of the file in bytes, as of now; 0 if there is none.
    pub fn size(&self) -> Result<u64, Error> {
        Ok(place::stamp(&*self.fs, &self.path)?.map_or(0, |stamp| stamp.size))
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
        !std::mem::replace(&mut queue.writing, true)
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
                self.retired.free();
                return;
            }
            if self.retired.are_left()
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                let retired = self.retired.clone();
                threads::spawn(&runtime, move |_| retired.free());
            }
            let mut settling = None;
            match guarded(|| self.commit_group(&mut group, &mut settling)) {
                Ok(Settled { receipts, retired, .. }) => {
                    for (batch, receipt) in group.into_iter().zip(receipts) {
                        batch.tell(Ok(receipt));
                    }
                    if let Some(replaced) = retired {
                        self.retired.add(replaced);
                    }
                }
                Err(error) => reject(group, &error),
            }
        }
    }

    fn commit_group<'a>(
        &'a self,
        group: &mut Vec<Batch<R>>,
        settling: &mut Option<MutexGuard<'a, ()>>,
    ) -> Result<Settled<R>, Error> {
        group.iter_mut().for_each(Batch::prepare);
        let began = Instant::now();
        let mut lost_locks = 0;
        loop {
            *settling = None;
            let Some(turn) = self.acquire(group)? else {
                // No file, and nothing that makes one: there is nothing to find, either.
                let receipts = commit::apply(&Content::empty(), group).0;
                return Ok(Settled { receipts, retired: None, bytes: 0, restarts: 0 });
            };
            self.join(group);
            let lock_wait = began.elapsed();
            *settling = Some(lock(&self.settling));
            if let Committed::Done(mut settled) = self.commit(&turn, group)? {
                let stats = CommitStats {
                    operations: group.iter().map(|batch| batch.mutations.len()).sum(),
                    bytes: settled.bytes,
                    lock_wait,
                    took: began.elapsed().saturating_sub(lock_wait),
                    retries: settled.restarts + lost_locks + self.renames_retried.swap(0, Ordering::Relaxed),
                };
                settled.receipts.iter_mut().for_each(|receipt| receipt.commit = stats);
                return Ok(settled);
            }
            lost_locks += 1;
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
        let fs = &*self.fs;
        let began = Instant::now();
        for batch in &mut *group {
            batch.waiting_since = began;
        }
        loop {
            let target = place::resolve(fs, &self.path)?;
            if group.iter().any(Batch::creates) {
                let durable = group.iter().any(|batch| batch.options.durable);
                place::make_dirs(fs, place::parent(&self.path), durable)?;
            } else if place::stamp(fs, &target)?.is_none() {
                return Ok(None);
            }
            let path = path_for(&target);
            if let Some(lock) = Lock::try_acquire(fs, &path)? {
                return Ok(Some(Turn { lock, target }));
            }
            self.join(group);
            let expired = |batch: &mut Batch<R>| batch.waiting_since.elapsed() >= batch.options.lock_timeout;
            for batch in group.extract_if(.., expired) {
                let waited = batch.waiting_since.elapsed();
                batch.tell(Err(Error::Locked { path: path.clone(), waited }));
            }
            if group.is_empty() {
                return Ok(None);
            }
            pause(began.elapsed());
        }
    }

    /// The last snapshot, if the file still has its stamp, though the stamp may be too young to vouch for it.
    pub(crate) fn likely(&self, path: &Path) -> Option<Arc<Snapshot<R>>> {
        let stamp = place::stamp(&*self.fs, path).ok()?;
        let last = lock(&self.current).clone();
        (stamp.is_some() && last.stamp() == stamp).then_some(last)
    }

    /// The snapshot of the file at `path` as of now, read again only where a stat can't vouch for the last.
    pub(crate) fn refresh(&self, path: &Path) -> Result<Arc<Snapshot<R>>, Error> {
        // A file that is being written in place is read again until it holds still, within reason.
        const MOST_READS: usize = 20;
        let fs = &*self.fs;
        let _alone = lock(&self.refreshing);
        self.local.store(place::is_local(fs, path), Ordering::Relaxed);
        for reads in 1.. {
            let stamp = place::stamp(fs, path)?;
            let last = lock(&self.current).clone();
            if last.is_current(stamp, fs.now()) {
                return Ok(last);
            }
            if stamp.is_none() {
                break;
            }
            let mut file = match fs.open(path) {
                Ok(file) => file,
                // Removed since the stat; if it goes on like this, there is no file.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && reads < MOST_READS => continue,
                Err(error) => return Err(error).context("open", path),
            };
            let read_at = fs.now();
            let before = file.stat().context("fstat", path)?;
            place::must_be_regular(before.kind, path)?;
            let mut input = Input::new(&mut *file, before.stamp.size);
            let content = Content::read(&mut input, &last.content);
            let length = input.length();
            let after = file.stat().context("fstat", path)?;
            let torn = before.stamp != after.stamp || length.is_some_and(|length| length != after.stamp.size);
            let content = match content {
                Err(Unread::System(error)) => return Err(error).context("read", path),
                _ if torn && reads < MOST_READS => continue,
                Err(Unread::Flaw(flaw)) => {
                    let bytes = file.read_all(after.stamp.size).context("read", path)?;
                    return Err(flaw.in_file(&self.path, &bytes));
                }
                Ok(content) => content,
            };
            // A writer of ours may have published the same file meanwhile, and vouched for it.
            let known = lock(&self.current).clone();
            if known.is_current(Some(after.stamp), fs.now()) {
                return Ok(known);
            }
            let pin: Option<Box<dyn File>> = fs.has_identity().then_some(file);
            return Ok(self.publish(Snapshot::new(content, after.stamp, read_at, pin)));
        }
        Ok(self.publish(Snapshot::missing()))
    }

    pub(crate) fn publish(&self, snapshot: Snapshot<R>) -> Arc<Snapshot<R>> {
        let snapshot = Arc::new(snapshot);
        // The old one is dropped after the lock is free: its pin may be the last of a large file.
        let old = std::mem::replace(&mut *lock(&self.current), snapshot.clone());
        drop(old);
        snapshot
    }
}

impl<R> std::fmt::Debug for DataFile<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("DataFile").field("path", &self.path).finish_non_exhaustive()
    }
}

fn reject<R: Record>(group: Vec<Batch<R>>, error: &Error) {
    for batch in group {
        batch.tell(Err(error.clone()));
    }
}

/// Turns a panic into an error: nothing of a batch is visible before its rename, so nothing is half done.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Internal(message.unwrap_or("a panic").to_owned()))
    })
}

/// Nothing that these mutexes guard can be left half changed, so a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

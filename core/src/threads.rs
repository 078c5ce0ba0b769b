//! Threads for work that may wait, where the system may have none left.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Context, Error};

/// How long a thread without work stays for the next.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Threads that are started when there is work for them, up to a number, and end when there is none for a while.
#[derive(Clone)]
pub struct Threads(Arc<Shared>);

struct Shared {
    most: usize,
    stack_size: Option<usize>,
    queue: Mutex<Queue>,
    work_came: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    running: usize,
    /// Threads that wait and that nobody has woken yet.
    idle: usize,
    /// How many have been woken and have not seen it yet: the system wakes some for no reason.
    woken: usize,
}

thread_local! {
    static CURRENT: RefCell<Option<Threads>> = const { RefCell::new(None) };
}

impl Threads {
    /// None yet, and `most` at a time.
    pub fn new(most: usize) -> Self {
        Threads::with_stack(most, None)
    }

    fn with_stack(most: usize, stack_size: Option<usize>) -> Self {
        let (queue, work_came) = Default::default();
        Threads(Arc::new(Shared { most, stack_size, queue, work_came }))
    }

    /// Those that the current thread is one of.
    pub(crate) fn current() -> Option<Threads> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Calls `work` once: on one of the threads or, where the system refuses to start the first, here and now with the
    /// error. Containers limit the number of threads.
    pub fn spawn(&self, work: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let mut queue = self.0.lock();
        queue.waiting.push_back(Box::new(work));
        if queue.idle > 0 {
            queue.idle -= 1;
            queue.woken += 1;
            drop(queue);
            self.0.work_came.notify_one();
        } else if queue.running < self.0.most {
            let started = self.start();
            queue.running += usize::from(started.is_ok());
            // One that is at work takes it later.
            if let Err(refusal) = started
                && queue.running == 0
                && let Some(work) = queue.waiting.pop_back()
            {
                drop(queue);
                work(Err(refusal).context("spawn", Path::new("thread")));
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let builder = thread::Builder::new().name("file-process-store".into());
        let builder = match self.0.stack_size {
            Some(size) => builder.stack_size(size),
            None => builder,
        };
        let own = self.clone();
        builder.spawn(move || own.work()).map(drop)
    }

    fn work(self) {
        CURRENT.set(Some(self.clone()));
        let mut queue = self.0.lock();
        loop {
            while let Some(work) = queue.waiting.pop_front() {
                drop(queue);
                // It tells its own outcome; the thread is there for others, too.
                let _ = catch_unwind(AssertUnwindSafe(|| work(Ok(()))));
                queue = self.0.lock();
            }
            queue.idle += 1;
            while queue.woken == 0 {
                let waited = self.0.work_came.wait_timeout(queue, IDLE);
                let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                queue = after;
                if timeout.timed_out() && queue.woken == 0 {
                    queue.idle -= 1;
                    queue.running -= 1;
                    return;
                }
            }
            queue.woken -= 1;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Threads").field("most", &self.0.most).finish_non_exhaustive()
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

/// Threads that no system can start: no address space is as large as their stack.
#[cfg(test)]
pub(crate) fn refused() -> Threads {
    Threads::with_stack(1, Some(1 << 48))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_is_told_when_there_is_no_thread_for_it_and_is_not_done_later() {
        let (sender, receiver) = channel();
        refused().spawn(move |started| sender.send(started).unwrap());
        let Ok(Err(Error::System { kind, syscall, .. })) = receiver.try_recv() else { panic!("not told") };
        assert_eq!(syscall, "spawn");
        assert!(matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory), "{kind:?}");
        assert!(receiver.recv().is_err(), "the work is gone");
    }

    #[test]
    fn work_is_done_in_its_order_by_no_more_threads_than_are_allowed_and_a_panic_takes_none_away() {
        let threads = Threads::new(1);
        let (sender, receiver) = channel();
        for number in 0..100 {
            let sender = sender.clone();
            threads.spawn(move |started| {
                sender.send((number, started, thread::current().id())).unwrap();
                std::panic::resume_unwind(Box::new("no matter"));
            });
        }
        let done: Vec<_> = receiver.iter().take(100).collect();
        assert!(done.iter().enumerate().all(|(place, (number, ..))| place == *number), "{done:?}");
        assert!(done.iter().all(|(_, started, thread)| *started == Ok(()) && *thread == done[0].2));
    }

    #[test]
    fn work_that_waits_for_other_work_gets_a_thread_of_its_own() {
        let threads = Threads::new(8);
        let (sender, receiver) = channel();
        for _ in 0..50 {
            let (told, heard) = channel();
            let sender = sender.clone();
            threads.spawn(move |_| sender.send(heard.recv()).unwrap());
            threads.spawn(move |_| told.send("word").unwrap());
            assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(Ok("word")));
        }
    }
}

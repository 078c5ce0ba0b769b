//! Work on the threads of a runtime, where the system may have none left.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tokio::runtime::Handle;

use crate::error::{Context, Error};

/// Calls `work` once: on a thread of the runtime's pool or, where the system refuses to start one, here and now
/// with the error. Containers limit the number of threads, and a panic would take down the program.
pub fn spawn(runtime: &Handle, work: impl FnOnce(Result<(), Error>) + Send + 'static) {
    let work = Arc::new(Mutex::new(Some(work)));
    let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let queued = work.clone();
    let task = move || {
        if let Some(work) = take(&queued) {
            work(Ok(()));
        }
    };
    // tokio panics, and leaves the task in its queue, for a thread that may come.
    let started = quietly(|| drop(runtime.spawn_blocking(task)));
    if started.is_err()
        && let Some(work) = take(&work)
    {
        let refusal = io::Error::new(io::ErrorKind::WouldBlock, "the system has no thread left");
        work(Err(refusal).context("spawn", Path::new("thread")));
    }
}

thread_local! {
    /// Whether a panic of this thread is expected, and says nothing to anybody.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Catches a panic before it is printed. All other panics are told as ever.
fn quietly(work: impl FnOnce()) -> std::thread::Result<()> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                others(info);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done
}

/// Turns a panic into an error: nothing of a batch is visible before its rename, so nothing is half done.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Internal(message.unwrap_or("a panic").to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn work_is_told_when_there_is_no_thread_for_it_and_is_not_done_later() {
        // No address space is as large as this stack.
        let refusing = Builder::new_current_thread().thread_stack_size(1 << 48).build().unwrap();
        let (sender, receiver) = channel();
        spawn(refusing.handle(), move |started| sender.send(started).unwrap());
        let Ok(Err(Error::System { kind, syscall, .. })) = receiver.try_recv() else { panic!("not told") };
        assert_eq!((kind, syscall), (io::ErrorKind::WouldBlock, "spawn"));
        assert!(receiver.recv().is_err(), "the work is gone");
    }
}

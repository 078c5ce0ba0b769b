//! What others change, on its way to a JS listener.

use std::sync::{Arc, Mutex, PoisonError};

use file_process_store_core as core;
use file_process_store_core::{Change, DataFile, Process};
use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};

use crate::selection::Selection;

/// The types of the changes, and the records that they are about.
pub type Changes = FnArgs<(Vec<String>, Selection)>;

type JsListener = ThreadsafeFunction<Vec<Change>, (), Changes, Status, false, true>;

/// The watch of one store, if it has one. It does not keep the event loop alive.
#[derive(Clone, Default)]
pub struct Watching(Arc<Mutex<Option<core::Watch>>>);

impl Watching {
    /// What has to be done on the JS thread; the function that it returns does the rest, on any thread.
    pub fn prepare(
        &self,
        file: Arc<DataFile<Process>>,
        listener: Function<Changes, ()>,
    ) -> Result<impl FnOnce() -> std::result::Result<(), core::Error> + Send + use<>> {
        let listener: JsListener = listener
            .build_threadsafe_function::<Vec<Change>>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(|call: ThreadsafeCallContext<Vec<Change>>| Ok(arguments(call.value)))?;
        let watching = self.clone();
        Ok(move || {
            let watch = core::Watch::start(file, move |changes| {
                listener.call(changes, ThreadsafeFunctionCallMode::NonBlocking);
            })?;
            watching.with(|place| *place = Some(watch));
            Ok(())
        })
    }

    /// Makes the results of a batch of this store known to its watch.
    pub fn account(&self, receipt: &core::Receipt<Process>) {
        self.with(|watch| watch.as_ref().inspect(|watch| watch.account(receipt)).is_some());
    }

    /// Ends the watch.
    pub fn stop(&self) {
        self.with(Option::take);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Option<core::Watch>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn arguments(changes: Vec<Change>) -> Changes {
    let (types, records) = changes
        .into_iter()
        .map(|change| match change {
            Change::Added(record) => ("process-added".to_owned(), record),
            Change::Updated(record) => ("process-updated".to_owned(), record),
            Change::Removed(record) => ("process-removed".to_owned(), record),
        })
        .unzip();
    (types, Selection::decoded(records)).into()
}

//! What others change, on its way to JS.

use std::sync::{Arc, Mutex, PoisonError};

use file_process_store_core as core;
use file_process_store_core::{Change, DataFile, Process};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

use crate::results::selection::{Maker, Selection};

/// Changes that were found at once, in order.
#[napi]
pub struct Changes {
    types: Vec<&'static str>,
    records: Selection,
}

#[napi]
impl Changes {
    /// What happened, for each change: `process-added`, `process-updated` or `process-removed`.
    #[napi]
    pub fn types(&self) -> Vec<&'static str> {
        self.types.clone()
    }

    /// Fresh records that the changes are about, in the same order.
    #[napi(ts_return_type = "object[]")]
    pub fn processes<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
    ) -> Result<Unknown<'env>> {
        self.records.processes(env, make, None)
    }
}

impl From<Vec<Change>> for Changes {
    fn from(changes: Vec<Change>) -> Self {
        let (types, records) = changes
            .into_iter()
            .map(|change| match change {
                Change::Added(record) => ("process-added", record),
                Change::Updated(record) => ("process-updated", record),
                Change::Removed(record) => ("process-removed", record),
            })
            .unzip();
        Changes { types, records: Selection::prepared(records) }
    }
}

/// The watch of one store, if it has one. It does not keep the event loop alive.
#[derive(Clone, Default)]
pub struct Watching(Arc<Mutex<Option<core::Watch>>>);

impl Watching {
    /// Begins to watch; on a thread that may take its time.
    pub fn start(
        &self,
        file: Arc<DataFile<Process>>,
        tell: impl Fn(Changes) + Send + 'static,
    ) -> std::result::Result<(), core::Error> {
        let watch = core::Watch::start(file, move |changes| tell(changes.into()))?;
        self.with(|place| *place = Some(watch));
        Ok(())
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

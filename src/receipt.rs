//! What a batch of mutations did, for the JS thread to ask.

use std::sync::Arc;

use file_process_store_core as core;
use file_process_store_core::{Done, Error, Process, Record};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::failure::Failure;
use crate::selection::{Exclude, Maker, make_process};

/// The outcome of each mutation of a batch.
#[napi]
pub struct Receipt {
    results: Vec<Result<Done<Process>, Error>>,
}

#[napi]
impl Receipt {
    /// How many records the mutation at `index` added, changed or removed.
    #[napi]
    pub fn count(&self, index: u32) -> u32 {
        self.result(index).and_then(|result| result.as_ref().ok()).map_or(0, |done| done.count as u32)
    }

    /// Why the mutation at `index` was refused, if it was.
    #[napi]
    pub fn failure(&self, index: u32) -> Option<Failure> {
        self.result(index)?.as_ref().err().map(Failure::from)
    }

    /// The record that the mutation at `index` merged or removed.
    #[napi(ts_return_type = "object | undefined")]
    pub fn process<'env>(
        &self,
        env: &'env Env,
        index: u32,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
    ) -> napi::Result<Unknown<'env>> {
        let record = self.result(index).and_then(|result| result.as_ref().ok()?.record.as_ref());
        make_process(env, &make, record.map(|record| &**record), Exclude::default())
    }

    fn result(&self, index: u32) -> Option<&Result<Done<Process>, Error>> {
        self.results.get(index as usize)
    }
}

impl From<core::Receipt<Process>> for Receipt {
    fn from(receipt: core::Receipt<Process>) -> Self {
        Receipt { results: receipt.results }
    }
}

impl Receipt {
    /// The receipt of a file whose records the face doesn't ask for.
    pub fn counts_only<R: Record>(receipt: core::Receipt<R>) -> Self {
        let bare = |done: Done<R>| Done { count: done.count, record: None::<Arc<Process>> };
        Receipt { results: receipt.results.into_iter().map(|result| result.map(bare)).collect() }
    }
}

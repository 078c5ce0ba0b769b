//! A process as a caller has seen it, for updates that apply to that very record alone.

use std::sync::Arc;

use file_process_store_core::{Process, Record};
use napi::bindgen_prelude::{Either, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use crate::args::ops::Updates;
use crate::results::failure::Failure;
use crate::results::selection::{Exclude, Maker, make_process};

/// One state of one process.
#[napi]
pub struct SeenProcess {
    record: Arc<Process>,
}

#[napi]
impl SeenProcess {
    /// A fresh record.
    #[napi(ts_return_type = "object")]
    pub fn process<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
    ) -> Result<Unknown<'env>> {
        make_process(env, &make, Some(&self.record), Exclude::default())
    }

    /// The state that this one becomes by an update; nothing is written.
    #[napi]
    pub fn merge(&self, updates: Updates) -> Either<SeenProcess, Failure> {
        match self.record.merge(&updates.into()) {
            Ok(merged) => Either::A(SeenProcess { record: Arc::new(merged) }),
            Err(error) => Either::B(Failure::from(&error)),
        }
    }
}

impl SeenProcess {
    pub fn record(&self) -> &Arc<Process> {
        &self.record
    }
}

impl From<Arc<Process>> for SeenProcess {
    fn from(record: Arc<Process>) -> Self {
        SeenProcess { record }
    }
}

//! A process as a caller has seen it, for updates that apply to that very record alone.

use std::sync::Arc;

use file_process_store_core::{Patch, Process, Record};
use napi::bindgen_prelude::{Either, Unknown, Utf16String};
use napi::{Env, Result};
use napi_derive::napi;

use crate::args::query::wtf8;
use crate::results::failure::Failure;
use crate::results::selection::{Exclude, Maker, make_process};

/// One state of one process.
#[napi]
pub struct SeenProcess {
    record: Arc<Process>,
}

/// The fields that an update names.
#[napi(object, object_to_js = false)]
pub struct Updates {
    /// JSON text of an object with the new values.
    pub text: String,
    /// All names that were named; those that `text` lacks are removed.
    #[napi(ts_type = "string[]")]
    pub names: Vec<Utf16String>,
}

impl From<Updates> for Patch {
    fn from(updates: Updates) -> Self {
        Patch { text: updates.text, names: updates.names.iter().map(wtf8).collect() }
    }
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

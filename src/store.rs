//! A store as the face sees it: queries that are answered now or later, and batches of mutations.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use file_process_store_core as core;
use file_process_store_core::{Batch, Content, DataFile, Mutation, Patch, Process, Record, WriteOptions};
use napi::bindgen_prelude::{Either, Undefined, Unknown, Utf16String};
use napi::{Env, Result};
use napi_derive::napi;

use crate::RUNTIME;
use crate::channel::{Channel, Value};
use crate::query::{Query, Wanted, wtf8};
use crate::receipt::Receipt;
use crate::selection::{Exclude, Maker, Selection, make_processes};

/// Records with so many bytes of text in all are decoded on the JS thread: it takes tens of microseconds, as
/// much as a hop to another thread.
const SMALL: usize = 64 * 1024;

/// The options of a store, complete and checked.
#[napi(object, object_to_js = false)]
pub struct StoreOptions {
    /// An absolute path.
    pub data_dir: String,
    /// May be infinite.
    pub max_processes: f64,
    pub durable: bool,
    /// Milliseconds; may be infinite.
    pub lock_timeout_ms: f64,
}

/// One change. Texts are JSON.
#[napi(discriminant = "op", object_to_js = false)]
pub enum Op {
    /// Add, or replace the record with this id.
    Put { text: String },
    /// Merge the fields of `text` into a record; those in `names` that `text` lacks are removed.
    Merge {
        #[napi(ts_type = "string")]
        id: Utf16String,
        text: String,
        #[napi(ts_type = "string[]")]
        names: Vec<Utf16String>,
    },
    /// Remove a record.
    Remove {
        #[napi(ts_type = "string")]
        id: Utf16String,
    },
    /// Remove what a filter lists.
    Clear { filter: Query },
}

/// The files of one data directory.
#[napi]
pub struct NativeStore {
    store: Arc<core::Store>,
    cap: Option<usize>,
    options: WriteOptions,
}

#[napi]
impl NativeStore {
    /// Touches nothing on disk.
    #[napi(constructor)]
    pub fn new(options: StoreOptions) -> Self {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        NativeStore {
            store: core::Store::open(Path::new(&options.data_dir)),
            cap: finite(options.max_processes).map(|cap| cap as usize),
            options: WriteOptions {
                durable: options.durable,
                lock_timeout: Duration::try_from_secs_f64(options.lock_timeout_ms / 1000.0)
                    .unwrap_or(Duration::MAX),
            },
        }
    }

    /// The wanted processes, if they can be told without waiting, else `undefined`.
    #[napi(ts_return_type = "object[] | undefined")]
    pub fn query_processes<'env>(
        &self,
        env: &'env Env,
        query: Query,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
        exclude: Option<Exclude>,
    ) -> Result<Either<Unknown<'env>, Undefined>> {
        let Some(content) = self.store.processes.peek() else { return Ok(Either::B(())) };
        let records = wanted(&content, &Wanted::from(&query));
        let mut undecoded = 0;
        for record in records.iter().filter(|record| !record.is_decoded()) {
            undecoded += record.text().len();
            if undecoded > SMALL {
                return Ok(Either::B(()));
            }
        }
        make_processes(env, &make, &records, exclude.unwrap_or_default()).map(Either::A)
    }

    /// Reads and decodes the wanted processes on another thread; answers with a `Selection`.
    #[napi]
    pub fn read_processes(&self, env: Env, channel: &Channel, ticket: u32, query: Query) -> Result<()> {
        let file = self.store.processes.clone();
        let query = Wanted::from(&query);
        channel.run(env, ticket, move || {
            let content = file.read()?;
            Ok(Value::Processes(Selection::decoded(wanted(&content, &query))))
        })
    }

    /// JSON text of all workspaces, if it can be told without waiting, else `undefined`.
    #[napi]
    pub fn query_workspaces(&self) -> Option<String> {
        self.store.workspaces.peek().map(|content| text(&content))
    }

    /// Reads the workspaces on another thread; answers with their JSON text.
    #[napi]
    pub fn read_workspaces(&self, env: Env, channel: &Channel, ticket: u32) -> Result<()> {
        let file = self.store.workspaces.clone();
        channel.run(env, ticket, move || Ok(Value::Text(text(&*file.read()?))))
    }

    /// Queues mutations of processes, in order; answers with a `Receipt` when they are durable.
    #[napi]
    pub fn write_processes(&self, env: Env, channel: &Channel, ticket: u32, ops: Vec<Op>) -> Result<()> {
        let answer = channel.expect(env, ticket)?;
        self.submit(&self.store.processes, ops, self.cap, move |receipt| {
            answer(receipt.map(|receipt| Value::Receipt(receipt.into())));
        });
        Ok(())
    }

    /// The same for workspaces.
    #[napi]
    pub fn write_workspaces(&self, env: Env, channel: &Channel, ticket: u32, ops: Vec<Op>) -> Result<()> {
        let answer = channel.expect(env, ticket)?;
        self.submit(&self.store.workspaces, ops, None, move |receipt| {
            answer(receipt.map(|receipt| Value::Receipt(Receipt::counts_only(receipt))));
        });
        Ok(())
    }
}

impl NativeStore {
    fn submit<R: Record>(
        &self,
        file: &Arc<DataFile<R>>,
        ops: Vec<Op>,
        cap: Option<usize>,
        done: impl FnOnce(std::result::Result<core::Receipt<R>, core::Error>) + Send + 'static,
    ) {
        let mutations = ops.into_iter().map(|op| mutation(op, cap)).collect();
        file.submit(RUNTIME.handle(), Batch::new(mutations, self.options, done));
    }
}

fn mutation<R: Record>(op: Op, cap: Option<usize>) -> Mutation<R> {
    match op {
        Op::Put { text } => Mutation::put(&text, cap),
        Op::Merge { id, text, names } => {
            Mutation::Merge { id: wtf8(&id), patch: Patch { text, names: names.iter().map(wtf8).collect() } }
        }
        Op::Remove { id } => Mutation::Remove { id: wtf8(&id) },
        Op::Clear { filter } => Mutation::Clear { filter: filter.filter() },
    }
}

fn wanted(content: &Content<Process>, query: &Wanted) -> Vec<Arc<Process>> {
    query.places(content).into_iter().map(|place| content.records()[place].clone()).collect()
}

fn text<R: Record>(content: &Content<R>) -> String {
    // Every part was read as UTF-8.
    String::from_utf8_lossy(&content.parts().concat()).into_owned()
}

//! A store as the face sees it: queries that are answered now or later, and batches of mutations.

use std::sync::Arc;
use std::time::Duration;

use file_process_store_core as core;
use file_process_store_core::{
    Batch, Content, DataFile, Filter, Item, Mutation, Process, Record, WriteOptions,
};
use napi::bindgen_prelude::{ClassInstance, Either, Undefined, Unknown, Utf16String};
use napi::{Env, Error, Result};
use napi_derive::napi;

use crate::args::ops::{Ops, Updates};
use crate::args::query::{Query, Wanted, wtf8};
use crate::channel::{Channel, Value};
use crate::results::receipt::text;
use crate::results::report::StorageStats;
use crate::results::seen::SeenProcess;
use crate::results::selection::{Exclude, Maker, Selection, make_processes};
use crate::watch::Watching;
use crate::{READERS, WRITERS, absolute};

/// Records with so many bytes of text in all are decoded on the JS thread: it takes tens of microseconds, as
/// much as a hop to another thread.
const SMALL: usize = 64 * 1024;
/// Lists from the index of so many records are made on the JS thread, for the same reason.
const FEW: usize = 1000;

/// The options of a store, complete and checked.
#[napi(object, object_to_js = false)]
pub struct StoreOptions {
    /// An absolute path, or a relative one that JS can't make absolute.
    pub data_dir: String,
    /// May be infinite.
    pub max_processes: f64,
    pub durable: bool,
    /// Milliseconds; may be infinite.
    pub lock_timeout_ms: f64,
    /// For the processes; the registries are small.
    pub journal: bool,
}

/// What a list is wanted of.
#[derive(Clone, Copy)]
enum Listing {
    Summaries,
    Ids,
    Count,
}

impl Listing {
    fn named(name: &str) -> Result<Self> {
        match name {
            "summaries" => Ok(Listing::Summaries),
            "ids" => Ok(Listing::Ids),
            "count" => Ok(Listing::Count),
            _ => Err(Error::from_reason("no such listing")),
        }
    }
}

/// The files of one data directory.
#[napi]
pub struct NativeStore {
    /// `None` once closed.
    store: Option<Arc<core::Store>>,
    cap: Option<usize>,
    options: WriteOptions,
    watching: Watching,
}

#[napi]
impl NativeStore {
    /// Touches nothing on disk.
    #[napi(constructor)]
    pub fn new(options: StoreOptions) -> Result<Self> {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        Ok(NativeStore {
            store: Some(core::Store::open(&absolute(&options.data_dir)?)),
            cap: finite(options.max_processes).map(|cap| cap as usize),
            options: WriteOptions {
                durable: options.durable,
                lock_timeout: Duration::try_from_secs_f64(options.lock_timeout_ms / 1000.0)
                    .unwrap_or(Duration::MAX),
                journal: options.journal,
            },
            watching: Watching::default(),
        })
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
        let Some(content) = self.store()?.processes.peek() else { return Ok(Either::B(())) };
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
        let file = self.store()?.processes.clone();
        let query = Wanted::from(&query);
        channel.run(env, &READERS, ticket, move || {
            let content = file.read()?;
            Ok(Value::Processes(Selection::decoded(wanted(&content, &query))?))
        })
    }

    /// JSON text of a list from the index, if it can be told without waiting, else `undefined`.
    #[napi]
    pub fn query_index(
        &self,
        query: Query,
        #[napi(ts_arg_type = "'summaries' | 'ids' | 'count'")] listing: String,
    ) -> Result<Either<String, Undefined>> {
        let listing = Listing::named(&listing)?;
        let content = self.store()?.processes.peek().filter(|content| content.records().len() <= FEW);
        // Where there is no memory for it, the call that may take its time says so.
        let listed = content.and_then(|content| list(&content, &query.filter(), listing).ok());
        Ok(listed.map_or(Either::B(()), Either::A))
    }

    /// Makes a list from the index on another thread; answers with its JSON text.
    #[napi]
    pub fn read_index(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        query: Query,
        #[napi(ts_arg_type = "'summaries' | 'ids' | 'count'")] listing: String,
    ) -> Result<()> {
        let listing = Listing::named(&listing)?;
        let file = self.store()?.processes.clone();
        let filter = query.filter();
        channel.run(env, &READERS, ticket, move || Ok(Value::Text(list(&*file.read()?, &filter, listing)?)))
    }

    /// Reads one process for an update; answers with a `SeenProcess`, or nothing.
    #[napi]
    pub fn see_process(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        #[napi(ts_arg_type = "string")] id: Utf16String,
    ) -> Result<()> {
        let file = self.store()?.processes.clone();
        let id = wtf8(&id);
        channel.run(env, &READERS, ticket, move || {
            let content = file.read()?;
            let found = content.place(&id).map(|place| content.records()[place].clone());
            Ok(found.map_or(Value::Nothing, |record| Value::Seen(record.into())))
        })
    }

    /// JSON text of a registry, if it can be told without waiting, else `undefined`.
    #[napi]
    pub fn query_items(
        &self,
        #[napi(ts_arg_type = "'workspaces' | 'wikis'")] registry: String,
    ) -> Result<Either<String, Undefined>> {
        let content = self.items(&registry)?.peek();
        Ok(content.and_then(|content| text(&content).ok()).map_or(Either::B(()), Either::A))
    }

    /// Reads a registry on another thread; answers with its JSON text.
    #[napi]
    pub fn read_items(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        #[napi(ts_arg_type = "'workspaces' | 'wikis'")] registry: String,
    ) -> Result<()> {
        let file = self.items(&registry)?.clone();
        channel.run(env, &READERS, ticket, move || Ok(Value::Text(text(&*file.read()?)?)))
    }

    /// Queues mutations of processes, in order; answers with a `Receipt` when they are durable.
    #[napi]
    pub fn write_processes(&self, env: Env, channel: &Channel, ticket: u32, ops: &mut Ops) -> Result<()> {
        let mutations = ops.take(self.cap);
        self.submit_processes(env, channel, ticket, mutations)
    }

    /// Queues a chain of updates of one process, each for the state that it was made from; answers likewise.
    #[napi]
    pub fn write_seen(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        seen: Vec<ClassInstance<SeenProcess>>,
        updates: Vec<Updates>,
    ) -> Result<()> {
        let chain = seen.iter().map(|seen| seen.record().clone()).zip(updates);
        let mutations =
            chain.map(|(seen, updates)| Mutation::MergeSeen { seen, patch: updates.into() }).collect();
        self.submit_processes(env, channel, ticket, mutations)
    }

    /// Queues mutations of a registry, in order; answers with a `Receipt` when they are durable.
    #[napi]
    pub fn write_items(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        #[napi(ts_arg_type = "'workspaces' | 'wikis'")] registry: String,
        ops: &mut Ops,
    ) -> Result<()> {
        let file = self.items(&registry)?;
        let answer = channel.expect(env, ticket)?;
        let mutations = ops.take(None);
        let options = WriteOptions { journal: false, ..self.options };
        let batch = Batch::new(mutations, options, move |receipt| {
            answer(receipt.map(|receipt| Value::Receipt(receipt.into())));
        });
        file.submit(WRITERS.handle(), batch);
        Ok(())
    }

    /// Counts records and bytes of all files; answers with `StorageStats`.
    #[napi]
    pub fn read_stats(&self, env: Env, channel: &Channel, ticket: u32) -> Result<()> {
        let store = self.store()?.clone();
        channel.run(env, &READERS, ticket, move || {
            let journal = store.processes.journal_size()?;
            let size = store.processes.size()? + store.workspaces.size()? + store.wikis.size()? + journal;
            Ok(Value::Stats(StorageStats {
                total_processes: store.processes.read()?.records().len() as u32,
                total_workspaces: store.workspaces.read()?.records().len() as u32,
                total_wikis: store.wikis.read()?.records().len() as u32,
                storage_size: size as f64,
                journal_size: (journal > 0).then_some(journal as f64),
            }))
        })
    }

    /// Makes `processes.json` what it and its journal are together; answers when that is durable.
    #[napi]
    pub fn checkpoint(&self, env: Env, channel: &Channel, ticket: u32) -> Result<()> {
        let (file, options) = (self.store()?.processes.clone(), self.options);
        channel.run(env, &WRITERS, ticket, move || file.checkpoint(options).map(|_| Value::Nothing))
    }

    /// Mends the file of the processes, if it is damaged; answers with a `RecoveryReport`.
    #[napi]
    pub fn recover_processes(&self, env: Env, channel: &Channel, ticket: u32) -> Result<()> {
        let (file, options) = (self.store()?.processes.clone(), self.options);
        channel.run(env, &WRITERS, ticket, move || Ok(Value::Recovery(file.recover(options)?.into())))
    }

    /// The same for a registry.
    #[napi]
    pub fn recover_items(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        #[napi(ts_arg_type = "'workspaces' | 'wikis'")] registry: String,
    ) -> Result<()> {
        let (file, options) = (self.items(&registry)?.clone(), self.options);
        channel.run(env, &WRITERS, ticket, move || Ok(Value::Recovery(file.recover(options)?.into())))
    }

    /// Begins to report what others change; answers when it has begun, and then tells `listener`, a ticket of its own,
    /// of each `Changes`.
    #[napi]
    pub fn watch(&self, env: Env, channel: &Channel, ticket: u32, listener: u32) -> Result<()> {
        let (file, watching) = (self.store()?.processes.clone(), self.watching.clone());
        let tell = channel.tell(listener);
        let tell = move |changes| tell(Value::Changes(changes));
        channel.run(env, &READERS, ticket, move || watching.start(file, tell).map(|()| Value::Nothing))
    }

    /// Ends the watch and lets go of the files, which are closed with the last store of the directory.
    #[napi]
    pub fn close(&mut self) {
        self.watching.stop();
        self.store = None;
    }

    /// How many processes the last snapshot had; touches nothing.
    #[napi]
    pub fn last_count(&self) -> u32 {
        self.store.as_ref().map_or(0, |store| store.processes.last_count() as u32)
    }
}

impl NativeStore {
    fn store(&self) -> Result<&Arc<core::Store>> {
        self.store.as_ref().ok_or_else(|| Error::from_reason("the store was closed"))
    }

    fn items(&self, registry: &str) -> Result<&Arc<DataFile<Item>>> {
        match registry {
            "workspaces" => Ok(&self.store()?.workspaces),
            "wikis" => Ok(&self.store()?.wikis),
            _ => Err(Error::from_reason("no such registry")),
        }
    }

    fn submit_processes(
        &self,
        env: Env,
        channel: &Channel,
        ticket: u32,
        mutations: Vec<Mutation<Process>>,
    ) -> Result<()> {
        let file = &self.store()?.processes;
        let answer = channel.expect(env, ticket)?;
        let watching = self.watching.clone();
        let batch = Batch::new(mutations, self.options, move |receipt| {
            if let Ok(receipt) = &receipt {
                watching.account(receipt);
            }
            answer(receipt.map(|receipt| Value::Receipt(receipt.into())));
        });
        file.submit(WRITERS.handle(), batch);
        Ok(())
    }
}

fn wanted(content: &Content<Process>, query: &Wanted) -> Vec<Arc<Process>> {
    query.places(content).into_iter().map(|place| content.records()[place].clone()).collect()
}

/// JSON text of a list from the index.
fn list(
    content: &Content<Process>,
    filter: &Filter,
    listing: Listing,
) -> std::result::Result<String, core::Error> {
    let mut out = String::new();
    match listing {
        Listing::Count => out = filter.select(content.records()).count().to_string(),
        Listing::Ids => content.list(filter, Process::write_id, &mut out)?,
        Listing::Summaries => {
            out.push_str("{\"entries\":");
            content.list(filter, Process::write_summary, &mut out)?;
            let total = format!(",\"total\":{}}}", filter.matching(content.records()).count());
            out.try_reserve_exact(total.len()).map_err(core::NoMemory::from)?;
            out.push_str(&total);
        }
    }
    Ok(out)
}

//! What a batch of mutations did, for the JS thread to ask.

use file_process_store_core as core;
use file_process_store_core::{Content, Done, Error, Item, NoMemory, Process, Record};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::results::failure::{Failure, thrown};
use crate::results::seen::SeenProcess;
use crate::results::selection::{Exclude, Maker, make_process};

/// So many bytes of JSON, and what is left of a record, are parsed in one turn of the event loop: it takes a millisecond.
const SLICE: usize = 256 * 1024;

/// The outcome of each mutation of a batch.
#[napi]
pub struct Receipt {
    receipt: Either,
}

enum Either {
    Processes(core::Receipt<Process>),
    Items(core::Receipt<Item>),
}

/// What the commit of a batch took.
#[napi(object, object_from_js = false)]
pub struct CommitStats {
    /// Mutations in the commit.
    pub operations: u32,
    /// Bytes written; 0 where nothing had changed.
    pub bytes: f64,
    /// Whether they were appended to a journal.
    pub appended: bool,
    /// Milliseconds of waiting for the lock.
    pub lock_wait: f64,
    /// Milliseconds from the lock to the end, syncs included.
    pub took: f64,
    /// How often the commit, or its rename, was tried again.
    pub retries: u32,
}

#[napi]
impl Receipt {
    /// How many records the mutation at `index` added, changed or removed.
    #[napi]
    pub fn count(&self, index: u32) -> u32 {
        let count = match &self.receipt {
            Either::Processes(receipt) => done(receipt, index).map(|done| done.count),
            Either::Items(receipt) => done(receipt, index).map(|done| done.count),
        };
        count.unwrap_or_default() as u32
    }

    /// Why the mutation at `index` was refused, if it was.
    #[napi]
    pub fn failure(&self, index: u32) -> Option<Failure> {
        match &self.receipt {
            Either::Processes(receipt) => error(receipt, index),
            Either::Items(receipt) => error(receipt, index),
        }
    }

    /// The process that the mutation at `index` put, merged or removed.
    #[napi(ts_return_type = "object | undefined")]
    pub fn process<'env>(
        &self,
        env: &'env Env,
        index: u32,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
    ) -> napi::Result<Unknown<'env>> {
        let record = match &self.receipt {
            Either::Processes(receipt) => done(receipt, index).and_then(|done| done.record.as_ref()),
            Either::Items(_) => None,
        };
        make_process(env, &make, record, Exclude::default())
    }

    /// The process that stands in the way of the conditional merge at `index`; `null` if there is none.
    #[napi]
    pub fn seen(&self, index: u32) -> Option<SeenProcess> {
        match &self.receipt {
            Either::Processes(receipt) => done(receipt, index)?.record.clone().map(SeenProcess::from),
            Either::Items(_) => None,
        }
    }

    /// JSON text of the workspace or wiki that the mutation at `index` put, merged or removed.
    #[napi]
    pub fn item(&self, env: Env, index: u32) -> napi::Result<Option<String>> {
        let record = match &self.receipt {
            Either::Items(receipt) => done(receipt, index).and_then(|done| done.record.as_ref()),
            Either::Processes(_) => None,
        };
        record.map(|record| joined(&[record.text()]).map_err(|error| thrown(env, &error))).transpose()
    }

    /// JSON text of an array with entries that retention removed: those behind the first `from`, as many as can be
    /// parsed without holding up the event loop, and one at least; `null` when there are no more.
    #[napi]
    pub fn pruned(&self, env: Env, from: u32) -> napi::Result<Option<String>> {
        let Either::Processes(receipt) = &self.receipt else { return Ok(None) };
        let mut size = 0;
        let more = receipt.pruned.get(from as usize..).unwrap_or_default().iter().take_while(|entry| {
            let fits = size < SLICE;
            size += entry.text().len();
            fits
        });
        let entries: Vec<_> = more.cloned().collect();
        if entries.is_empty() {
            return Ok(None);
        }
        text(&Content::of(entries)).map(Some).map_err(|error| thrown(env, &error))
    }

    /// Lets go of all records, when everything has been asked for. Waiting for the garbage collector to do it would
    /// keep every version of a large record for as long as the program makes little other garbage.
    #[napi]
    pub fn release(&mut self) {
        match &mut self.receipt {
            Either::Processes(receipt) => receipt.clear(),
            Either::Items(receipt) => receipt.clear(),
        }
    }

    /// What the commit took.
    #[napi]
    pub fn commit(&self) -> CommitStats {
        let stats = match &self.receipt {
            Either::Processes(receipt) => receipt.commit,
            Either::Items(receipt) => receipt.commit,
        };
        CommitStats {
            operations: stats.operations as u32,
            bytes: stats.bytes as f64,
            appended: stats.appended,
            lock_wait: stats.lock_wait.as_secs_f64() * 1000.0,
            took: stats.took.as_secs_f64() * 1000.0,
            retries: stats.retries as u32,
        }
    }
}

/// JSON text of all records.
pub fn text<R: Record>(content: &Content<R>) -> Result<String, Error> {
    joined(&content.parts())
}

fn joined(parts: &[&[u8]]) -> Result<String, Error> {
    let mut text = String::new();
    text.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).map_err(NoMemory::from)?;
    for part in parts {
        // Every part was read as UTF-8.
        text.push_str(&String::from_utf8_lossy(part));
    }
    Ok(text)
}

fn done<R>(receipt: &core::Receipt<R>, index: u32) -> Option<&Done<R>> {
    receipt.results.get(index as usize)?.as_ref().ok()
}

fn error<R>(receipt: &core::Receipt<R>, index: u32) -> Option<Failure> {
    receipt.results.get(index as usize)?.as_ref().err().map(|error: &Error| Failure::from(error))
}

impl From<core::Receipt<Process>> for Receipt {
    fn from(receipt: core::Receipt<Process>) -> Self {
        Receipt { receipt: Either::Processes(receipt) }
    }
}

impl From<core::Receipt<Item>> for Receipt {
    fn from(receipt: core::Receipt<Item>) -> Self {
        Receipt { receipt: Either::Items(receipt) }
    }
}

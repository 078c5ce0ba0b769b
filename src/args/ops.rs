//! The mutations of a batch, as the face hands them over.

use file_process_store_core::{Mutation, Patch, Record};
use napi::bindgen_prelude::Utf16String;
use napi_derive::napi;

use crate::args::query::{Query, wtf8};

/// One change. Texts are JSON.
#[napi(discriminant = "op", object_to_js = false)]
pub enum Op {
    /// Add, or replace the record with this id.
    Put { text: String },
    /// Merge fields into a record.
    Merge {
        #[napi(ts_type = "string")]
        id: Utf16String,
        updates: Updates,
    },
    /// Remove a record.
    Remove {
        #[napi(ts_type = "string")]
        id: Utf16String,
    },
    /// Remove what a filter lists.
    Clear { filter: Query },
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

/// Mutations of one file on their way to a commit. Many large ones take longer to hand over than the event loop may
/// stand still, so it can be done in several turns.
#[napi]
#[derive(Default)]
pub struct Ops {
    ops: Vec<Op>,
}

#[napi]
impl Ops {
    /// None yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Ops::default()
    }

    /// Adds some behind the others.
    #[napi]
    pub fn push(&mut self, ops: Vec<Op>) {
        self.ops.extend(ops);
    }
}

impl Ops {
    /// What they want done to a file, with this cap for additions. None are left.
    pub fn take<R: Record>(&mut self, cap: Option<usize>) -> Vec<Mutation<R>> {
        self.ops.drain(..).map(|op| mutation(op, cap)).collect()
    }
}

fn mutation<R: Record>(op: Op, cap: Option<usize>) -> Mutation<R> {
    match op {
        Op::Put { text } => Mutation::PutText { text, cap },
        Op::Merge { id, updates } => Mutation::Merge { id: wtf8(&id), patch: updates.into() },
        Op::Remove { id } => Mutation::Remove { id: wtf8(&id) },
        Op::Clear { filter } => Mutation::Clear { filter: filter.filter() },
    }
}

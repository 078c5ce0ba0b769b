//! Which records a call means, as the face has read it from its arguments.

use file_process_store_core::{Content, Filter, Process, text};
use napi::bindgen_prelude::Utf16String;
use napi_derive::napi;

/// An id (and perhaps its workspace), or the conditions of a filter. Absent fields are no constraint.
#[napi(object, object_to_js = false)]
pub struct Query {
    #[napi(ts_type = "string")]
    pub id: Option<Utf16String>,
    #[napi(ts_type = "string")]
    pub workspace_id: Option<Utf16String>,
    #[napi(ts_type = "string")]
    pub parent_process_id: Option<Utf16String>,
    #[napi(ts_type = "string[]")]
    pub statuses: Option<Vec<Utf16String>>,
    #[napi(ts_type = "string")]
    pub r#type: Option<Utf16String>,
    /// Milliseconds since 1970.
    pub since: Option<f64>,
    /// Milliseconds since 1970.
    pub until: Option<f64>,
    pub limit: Option<f64>,
    pub offset: Option<f64>,
}

/// WTF-8, core's form of a JS string.
pub fn wtf8(text: &Utf16String) -> Vec<u8> {
    text::from_utf16(text)
}

impl Query {
    /// The filter that the fields but `id` make. Numbers saturate, so `Infinity` is as many as there can be.
    pub fn filter(&self) -> Filter {
        Filter {
            workspace: self.workspace_id.as_ref().map(wtf8),
            parent: self.parent_process_id.as_ref().map(wtf8),
            statuses: self.statuses.as_ref().map(|statuses| statuses.iter().map(wtf8).collect()),
            kind: self.r#type.as_ref().map(wtf8),
            since: self.since.map(|ms| ms as i64),
            until: self.until.map(|ms| ms as i64),
            limit: self.limit.map(|limit| limit as usize),
            offset: self.offset.map_or(0, |offset| offset as usize),
        }
    }
}

/// A query that can go to another thread.
pub enum Wanted {
    One { id: Vec<u8>, workspace: Option<Vec<u8>> },
    All(Filter),
}

impl From<&Query> for Wanted {
    fn from(query: &Query) -> Self {
        match &query.id {
            Some(id) => Wanted::One { id: wtf8(id), workspace: query.workspace_id.as_ref().map(wtf8) },
            None => Wanted::All(query.filter()),
        }
    }
}

impl Wanted {
    /// The places of the wanted records in `content`.
    pub fn places(&self, content: &Content<Process>) -> Vec<usize> {
        match self {
            Wanted::One { id, workspace } => content.find(id, workspace.as_deref()).into_iter().collect(),
            Wanted::All(filter) => filter.select(content.records()).collect(),
        }
    }
}

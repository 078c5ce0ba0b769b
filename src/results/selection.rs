//! Process records on their way to JS.
//!
//! Each record is made by one call of a JS function that gets all fields and writes them into one object
//! literal: records of one shape, and a tenth of the cost of setting their properties one by one.

use std::ptr;
use std::sync::Arc;

use file_process_store_core::{Error, FIELDS, HostValue, Process};
use napi::bindgen_prelude::{Function, JsValue, ToNapiValue, Unknown};
use napi::{Env, Result, check_status, sys};
use napi_derive::napi;

use crate::results::failure::thrown;
use crate::results::strings::string;

/// The JS function that makes a record: the fields in the order of core's `FIELDS`, then JSON text of all
/// others, then whether to leave out tool calls.
pub type Maker<'a> = Function<'a>;

/// What a caller doesn't want to see.
#[napi(object, object_to_js = false)]
#[derive(Clone, Copy, Default)]
pub struct Exclude {
    /// Turns, full prompt and result.
    pub conversation: bool,
    /// `toolCalls` of the turns.
    pub tool_calls: bool,
}

const CONVERSATION: [&str; 3] = ["fullPrompt", "result", "conversationTurns"];

/// Records that were selected and decoded on another thread.
#[napi]
pub struct Selection {
    records: Vec<Arc<Process>>,
}

impl Selection {
    /// The same where nobody is there to be told that it can't be done: it is tried once more when they are asked for.
    pub fn prepared(records: Vec<Arc<Process>>) -> Self {
        for record in &records {
            let _ = record.host_fields();
        }
        Selection { records }
    }

    /// Decodes what has not been decoded yet; on a thread that may take its time.
    pub fn decoded(records: Vec<Arc<Process>>) -> std::result::Result<Self, Error> {
        for record in &records {
            record.host_fields()?;
        }
        Ok(Selection { records })
    }
}

#[napi]
impl Selection {
    /// A fresh array of fresh records.
    #[napi(ts_return_type = "object[]")]
    pub fn processes<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "(...fields: any[]) => object")] make: Maker,
        exclude: Option<Exclude>,
    ) -> Result<Unknown<'env>> {
        make_processes(env, &make, &self.records, exclude.unwrap_or_default())
    }
}

/// An array of records.
pub fn make_processes<'env>(
    env: &'env Env,
    make: &Maker,
    records: &[Arc<Process>],
    exclude: Exclude,
) -> Result<Unknown<'env>> {
    let raw = env.raw();
    let mut array = ptr::null_mut();
    // SAFETY: `env` is the running environment, and `array` receives a handle of the caller's scope.
    check_status!(unsafe { sys::napi_create_array_with_length(raw, records.len(), &mut array) })?;
    for (index, record) in records.iter().enumerate() {
        let mut scope = ptr::null_mut();
        // SAFETY: the scope is closed below on every path; the record outlives it as an element of the array.
        check_status!(unsafe { sys::napi_open_handle_scope(raw, &mut scope) })?;
        let set = make_process(env, make, Some(record), exclude).and_then(|process| {
            // SAFETY: `array` and the record belong to open scopes of this environment.
            check_status!(unsafe { sys::napi_set_element(raw, array, index as u32, process.value().value) })
        });
        // SAFETY: `scope` was opened above and is the innermost one.
        check_status!(unsafe { sys::napi_close_handle_scope(raw, scope) })?;
        set?;
    }
    // SAFETY: `array` is a live handle of this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(raw, array) })
}

/// A record, or `undefined` for none.
pub fn make_process<'env>(
    env: &'env Env,
    make: &Maker,
    record: Option<&Arc<Process>>,
    exclude: Exclude,
) -> Result<Unknown<'env>> {
    let raw = env.raw();
    // SAFETY: `env` is the running environment.
    let undefined = unsafe { ToNapiValue::to_napi_value(raw, ()) }?;
    let Some(record) = record else {
        // SAFETY: `undefined` is a live handle of this environment.
        return Ok(unsafe { Unknown::from_raw_unchecked(raw, undefined) });
    };
    let fields = record.host_fields().map_err(|error| thrown(*env, &error))?;
    let mut arguments = [undefined; FIELDS.len() + 2];
    for (index, value) in fields.known().enumerate() {
        if exclude.conversation && CONVERSATION.contains(&FIELDS[index]) {
            continue;
        }
        arguments[index] = match value {
            HostValue::Absent => continue,
            HostValue::Text(text) | HostValue::Json(text) => string(raw, record, text)?,
            // SAFETY: `raw` is the running environment.
            HostValue::Date(ms) => unsafe { ToNapiValue::to_napi_value(raw, ms as f64) }?,
        };
    }
    if let Some(rest) = fields.rest() {
        arguments[FIELDS.len()] = string(raw, record, rest)?;
    }
    // SAFETY: `raw` is the running environment.
    arguments[FIELDS.len() + 1] = unsafe { ToNapiValue::to_napi_value(raw, exclude.tool_calls) }?;
    let mut made = ptr::null_mut();
    // SAFETY: all handles belong to open scopes of this environment, and the count is that of the array.
    let status = unsafe {
        let make = make.value().value;
        sys::napi_call_function(raw, undefined, make, arguments.len(), arguments.as_ptr(), &mut made)
    };
    check_status!(status)?;
    // SAFETY: `made` is a live handle of this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(raw, made) })
}

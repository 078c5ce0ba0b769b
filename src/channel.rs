//! The way back to the JS thread.
//!
//! One function for each JS environment (the main thread, each worker), not one for each call: it costs
//! less, and its end is well defined. When a worker is terminated its function is closed, and outcomes that
//! come later are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_process_store_core::{Error, guarded, spawn};
use napi::bindgen_prelude::{FnArgs, Function, ToNapiValue};
use napi::threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status, sys};
use napi_derive::napi;
use tokio::runtime::Runtime;

use crate::results::failure::Failure;
use crate::results::receipt::Receipt;
use crate::results::report::{RecoveryReport, StorageStats};
use crate::results::seen::SeenProcess;
use crate::results::selection::Selection;
use crate::watch::Changes;

/// What a call resolves to, or what is told to a listener.
pub enum Value {
    Nothing,
    Processes(Selection),
    Changes(Changes),
    Receipt(Receipt),
    Seen(SeenProcess),
    Text(String),
    Stats(StorageStats),
    Recovery(RecoveryReport),
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> Result<sys::napi_value> {
        // SAFETY: the caller vouches for `env`.
        unsafe {
            match value {
                Value::Nothing => ToNapiValue::to_napi_value(env, ()),
                Value::Processes(selection) => ToNapiValue::to_napi_value(env, selection),
                Value::Changes(changes) => ToNapiValue::to_napi_value(env, changes),
                Value::Receipt(receipt) => ToNapiValue::to_napi_value(env, receipt),
                Value::Seen(seen) => ToNapiValue::to_napi_value(env, seen),
                Value::Text(text) => ToNapiValue::to_napi_value(env, text),
                Value::Stats(stats) => ToNapiValue::to_napi_value(env, stats),
                Value::Recovery(report) => ToNapiValue::to_napi_value(env, report),
            }
        }
    }
}

pub type Outcome = std::result::Result<Value, Error>;
type JsArguments = FnArgs<(u32, Option<Failure>, Value)>;
type JsFunction = ThreadsafeFunction<Message, (), JsArguments, Status, false, true>;

/// What goes to the JS thread. All of it goes one way, so that it gets there in the order in which it was sent.
struct Message {
    ticket: u32,
    outcome: Outcome,
    is_answer: bool,
}

/// Where outcomes go: a function that is called with a ticket, and a failure or a value.
#[napi]
pub struct Channel {
    function: Arc<JsFunction>,
    /// Calls without an answer yet. While there are any, the event loop is kept alive.
    pending: Arc<AtomicUsize>,
}

#[napi]
impl Channel {
    #[napi(constructor)]
    pub fn new(
        #[napi(ts_arg_type = "(ticket: number, failure: Failure | null, value: any) => void")]
        answer: Function<JsArguments, ()>,
    ) -> Result<Self> {
        let pending = Arc::new(AtomicUsize::new(0));
        let answered = pending.clone();
        let raw: Arc<std::sync::OnceLock<Raw>> = Arc::default();
        let known = raw.clone();
        let function: JsFunction = answer
            .build_threadsafe_function::<Message>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(move |call: ThreadsafeCallContext<Message>| {
                if call.value.is_answer
                    && answered.fetch_sub(1, Ordering::Relaxed) == 1
                    && let Some(function) = known.get()
                {
                    // SAFETY: Node calls this on the JS thread, with the function alive.
                    unsafe { sys::napi_unref_threadsafe_function(call.env.raw(), function.0) };
                }
                Ok(js_arguments(call.value))
            })?;
        raw.get_or_init(|| Raw(function.raw()));
        Ok(Channel { function: Arc::new(function), pending })
    }
}

impl Channel {
    /// The means to answer one call, from any thread. Whoever takes it answers exactly once.
    pub fn expect(&self, env: Env, ticket: u32) -> Result<impl FnOnce(Outcome) + Send + 'static> {
        if self.pending.fetch_add(1, Ordering::Relaxed) == 0 {
            // SAFETY: we are on the JS thread of `env`, and `self` keeps the function alive.
            let status = unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.function.raw()) };
            napi::check_status!(status)?;
        }
        let function = self.function.clone();
        Ok(move |outcome| {
            // An environment that is gone has no use for the outcome.
            let message = Message { ticket, outcome, is_answer: true };
            function.call(message, ThreadsafeFunctionCallMode::NonBlocking);
        })
    }

    /// The means to tell a listener as often as there is something to tell, from any thread. Does not keep the event
    /// loop alive.
    pub fn tell(&self, ticket: u32) -> impl Fn(Value) + Send + use<> {
        let function = self.function.clone();
        move |value| {
            let message = Message { ticket, outcome: Ok(value), is_answer: false };
            function.call(message, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Runs `work` on a thread of the runtime and answers with its outcome.
    pub fn run(
        &self,
        env: Env,
        runtime: &Runtime,
        ticket: u32,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Result<()> {
        let answer = self.expect(env, ticket)?;
        spawn(runtime.handle(), move |started| answer(started.and_then(|()| guarded(work))));
        Ok(())
    }
}

struct Raw(sys::napi_threadsafe_function);

// SAFETY: the pointer is only followed on the JS thread; Node's documentation lets it pass between threads.
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

fn js_arguments(Message { ticket, outcome, .. }: Message) -> JsArguments {
    let (failure, value) = match outcome {
        Ok(value) => (None, value),
        Err(error) => (Some(Failure::from(&error)), Value::Nothing),
    };
    (ticket, failure, value).into()
}

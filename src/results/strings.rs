//! JS strings without a copy, where the runtime can.
//!
//! An external string uses our bytes; the record that owns them is kept until the string is collected. The functions
//! are Node-API 10, but Node 20 and later export them whatever version an addon asks for, so they are looked up
//! when first needed. Runtimes that lack them (or that say `copied`, as Electron does) get copies.
//!
//! V8 puts external strings among its old objects, and does not let their size hasten a collection. One string of each
//! record therefore claims the record's memory and reports it; else a program that makes little other garbage would
//! keep every version of a large record that it has ever seen.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Arc, LazyLock};

use file_process_store_core::Process;
use file_process_store_core::text::HostText;
use napi::{Result, check_status, sys};

/// Shorter strings are copied: that is quicker than keeping count of them.
const LONG: usize = 1024;

type Finalize = unsafe extern "C" fn(sys::napi_env, *mut c_void, *mut c_void);
type CreateExternal<T> = unsafe extern "C" fn(
    env: sys::napi_env,
    text: *mut T,
    length: usize,
    finalize: Option<Finalize>,
    hint: *mut c_void,
    result: *mut sys::napi_value,
    copied: *mut bool,
) -> sys::napi_status;

struct External {
    latin1: CreateExternal<c_char>,
    utf16: CreateExternal<u16>,
}

static EXTERNAL: LazyLock<Option<External>> = LazyLock::new(|| {
    #[cfg(unix)]
    let host = libloading::os::unix::Library::this();
    #[cfg(windows)]
    let host = libloading::os::windows::Library::this().ok()?;
    // SAFETY: the types are those of js_native_api.h, and the symbols are those of the running executable.
    unsafe {
        Some(External {
            latin1: *host.get(b"node_api_create_external_string_latin1\0").ok()?,
            utf16: *host.get(b"node_api_create_external_string_utf16\0").ok()?,
        })
    }
});

/// A JS string with a text of `owner`.
pub fn string(env: sys::napi_env, owner: &Arc<Process>, text: HostText) -> Result<sys::napi_value> {
    match EXTERNAL.as_ref().filter(|_| text.size() >= LONG) {
        Some(external) => external_string(external, env, owner, text),
        None => copied_string(env, text),
    }
}

/// Both calls are plain copies, and the UTF-16 one keeps lone surrogates.
fn copied_string(env: sys::napi_env, text: HostText) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length are those of a live slice, of which the runtime makes a copy.
    let status = unsafe {
        match text {
            HostText::Latin1(bytes) => {
                sys::napi_create_string_latin1(env, bytes.as_ptr().cast(), bytes.len() as isize, &mut value)
            }
            HostText::Utf16(units) => {
                sys::napi_create_string_utf16(env, units.as_ptr(), units.len() as isize, &mut value)
            }
        }
    };
    check_status!(status)?;
    Ok(value)
}

fn external_string(
    external: &External,
    env: sys::napi_env,
    owner: &Arc<Process>,
    text: HostText,
) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    let mut copied = false;
    let claimed = owner.claim();
    if claimed {
        report(env, owner.memory() as i64);
    }
    let release: Finalize = if claimed { release_claimed } else { release };
    let hint = Arc::into_raw(owner.clone()).cast_mut().cast::<c_void>();
    // SAFETY: the text belongs to `owner`, which is immutable and kept by `hint` until `release` is called: when
    // the string is collected, or before the call returns if it was copied. Nothing writes through the pointer.
    let status = unsafe {
        match text {
            HostText::Latin1(bytes) => {
                let start = bytes.as_ptr().cast_mut().cast();
                let length = bytes.len();
                (external.latin1)(env, start, length, Some(release), hint, &mut value, &mut copied)
            }
            HostText::Utf16(units) => {
                let start = units.as_ptr().cast_mut();
                let length = units.len();
                (external.utf16)(env, start, length, Some(release), hint, &mut value, &mut copied)
            }
        }
    };
    if status != sys::Status::napi_ok {
        // SAFETY: where the call fails nobody else has taken the reference.
        unsafe { release(env, ptr::null_mut(), hint) };
        return copied_string(env, text);
    }
    Ok(value)
}

/// Gives back the reference that a string held.
unsafe extern "C" fn release(_env: sys::napi_env, _text: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the reference that `external_string` gave away, and this is called once.
    drop(unsafe { Arc::from_raw(hint.cast::<Process>()) });
}

/// The same for the string that has reported the record's memory.
unsafe extern "C" fn release_claimed(env: sys::napi_env, _text: *mut c_void, hint: *mut c_void) {
    // SAFETY: as above.
    let owner = unsafe { Arc::from_raw(hint.cast::<Process>()) };
    owner.unclaim();
    // An environment that ends before its strings has no more use for the report.
    if !env.is_null() {
        report(env, -(owner.memory() as i64));
    }
}

/// Tells the runtime how much memory its objects keep alive outside of its heap.
fn report(env: sys::napi_env, change: i64) {
    let mut total = 0;
    // SAFETY: `env` is the running environment. Finalizers may make this call; a report that is refused is no harm.
    unsafe { sys::napi_adjust_external_memory(env, change, &mut total) };
}

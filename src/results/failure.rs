//! An error of core as a plain object, from which the JS face makes an `Error`.

use std::io::ErrorKind;

use file_process_store_core::Error;
use napi::{Env, Status};
use napi_derive::napi;

/// What the face needs to build an error on the JS thread.
#[napi(object, object_from_js = false)]
pub struct Failure {
    /// A stable code; for a refusal by the system the name that fits its portable kind.
    pub code: &'static str,
    /// The whole message, without the code.
    pub message: String,
    /// The data file, lock or directory.
    pub path: Option<String>,
    /// Line of a flaw in the file, from 1.
    pub line: Option<u32>,
    /// Column of a flaw in the file, from 1.
    pub column: Option<u32>,
    /// The system call that was refused.
    pub syscall: Option<&'static str>,
    /// The system's own number for its refusal.
    pub os: Option<i32>,
    /// The new state is visible all the same.
    pub committed: Option<bool>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut failure = Failure {
            code: "ERR_STORE_INTERNAL",
            message: error.to_string(),
            path: None,
            line: None,
            column: None,
            syscall: None,
            os: None,
            committed: None,
        };
        match error {
            Error::Corrupt { path, line, column, .. } => {
                failure.code = "ERR_STORE_CORRUPT";
                failure.path = Some(path.to_string_lossy().into_owned());
                failure.line = u32::try_from(*line).ok();
                failure.column = u32::try_from(*column).ok();
            }
            Error::Locked { path, .. } => {
                failure.code = "ERR_STORE_LOCKED";
                failure.path = Some(path.to_string_lossy().into_owned());
            }
            Error::Invalid { .. } => failure.code = "ERR_INVALID_ARG_VALUE",
            Error::System { syscall, path, kind, os, committed, .. } => {
                failure.code = posix_name(*kind);
                failure.path = Some(path.to_string_lossy().into_owned());
                failure.syscall = Some(syscall);
                failure.os = *os;
                failure.committed = committed.then_some(true);
            }
            Error::Internal(_) => {}
        }
        failure
    }
}

/// Throws an error in a call that JS waits for: `code` and words are those of the rejection of any other call.
pub fn thrown(env: Env, error: &Error) -> napi::Error {
    let failure = Failure::from(error);
    match env.throw_error(&failure.message, Some(failure.code)) {
        Ok(()) => napi::Error::new(Status::PendingException, failure.message),
        Err(refused) => refused,
    }
}

/// The POSIX name for a kind of failure, for systems and failures without a number of their own.
fn posix_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "ENOENT",
        ErrorKind::PermissionDenied => "EACCES",
        ErrorKind::AlreadyExists => "EEXIST",
        ErrorKind::NotADirectory => "ENOTDIR",
        ErrorKind::IsADirectory => "EISDIR",
        ErrorKind::DirectoryNotEmpty => "ENOTEMPTY",
        ErrorKind::ReadOnlyFilesystem => "EROFS",
        ErrorKind::StorageFull => "ENOSPC",
        ErrorKind::QuotaExceeded => "EDQUOT",
        ErrorKind::FileTooLarge => "EFBIG",
        ErrorKind::ResourceBusy => "EBUSY",
        ErrorKind::ExecutableFileBusy => "ETXTBSY",
        ErrorKind::StaleNetworkFileHandle => "ESTALE",
        ErrorKind::CrossesDevices => "EXDEV",
        ErrorKind::TooManyLinks => "EMLINK",
        ErrorKind::NotSeekable => "ESPIPE",
        ErrorKind::Deadlock => "EDEADLK",
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => "EINVAL",
        ErrorKind::Unsupported => "ENOTSUP",
        ErrorKind::OutOfMemory => "ENOMEM",
        ErrorKind::Interrupted => "EINTR",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::WouldBlock => "EAGAIN",
        ErrorKind::NotConnected => "ENOTCONN",
        ErrorKind::ConnectionAborted => "ECONNABORTED",
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkDown => "ENETDOWN",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::BrokenPipe => "EPIPE",
        _ => "EIO",
    }
}

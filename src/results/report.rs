//! Reports about the files of a store, as plain objects.

use file_process_store_core::{Loss, Recovery};
use napi_derive::napi;

/// How much the files hold.
#[napi(object, object_from_js = false)]
pub struct StorageStats {
    pub total_processes: u32,
    pub total_workspaces: u32,
    pub total_wikis: u32,
    /// Bytes of all files together.
    pub storage_size: f64,
    /// Bytes of the journal of the processes, if there is one.
    pub journal_size: Option<f64>,
}

/// What a recovery found and did.
#[napi(object, object_from_js = false)]
pub struct RecoveryReport {
    pub path: String,
    /// The copy of the damaged file; absent where nothing was damaged.
    pub backup: Option<String>,
    /// How many records are in the file now.
    pub kept: u32,
    pub lost: Vec<LostPart>,
}

/// A part of a damaged file that is no whole record.
#[napi(object, object_from_js = false)]
pub struct LostPart {
    pub line: u32,
    pub column: u32,
    /// Its length in bytes.
    pub bytes: f64,
    pub expected: String,
}

impl From<Recovery> for RecoveryReport {
    fn from(recovery: Recovery) -> Self {
        RecoveryReport {
            path: recovery.path.to_string_lossy().into_owned(),
            backup: recovery.backup.map(|backup| backup.to_string_lossy().into_owned()),
            kept: recovery.kept as u32,
            lost: recovery.lost.into_iter().map(LostPart::from).collect(),
        }
    }
}

impl From<Loss> for LostPart {
    fn from(loss: Loss) -> Self {
        LostPart {
            line: loss.line as u32,
            column: loss.column as u32,
            bytes: loss.bytes as f64,
            expected: loss.expected,
        }
    }
}

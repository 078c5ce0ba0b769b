//! Short histories of a store, and the states of the disk that they may leave behind.

#![allow(dead_code, unused_imports)] // Every test crate uses a part of it.

mod ledger;
pub mod trusted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_process_store_core::{Error, Filter, Mutation, Patch, Record, Store, WriteOptions};

use crate::simulated::{Client, World};

pub use ledger::{Checker, Ledger, Violation};

/// The directory of the store. `/home` is there from the beginning.
pub const DIR: &str = "/home/user/data";
pub const PROCESSES: &str = "/home/user/data/processes.json";
pub const WORKSPACES: &str = "/home/user/data/workspaces.json";
const LINKED: &str = "/home/shared/all.json";

/// What is on the disk when a history begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    NoDirectory,
    EmptyDirectory,
    Filled,
    /// Writers that died have left temporary files, of their own and of the plain store's name.
    WithLeftovers,
    /// `processes.json` is a link into another directory.
    Linked,
}

impl Start {
    pub const ALL: [Start; 5] =
        [Start::NoDirectory, Start::EmptyDirectory, Start::Filled, Start::WithLeftovers, Start::Linked];

    pub fn client(self) -> Client {
        let client = Client::new(World::new());
        client.make_dirs(Path::new(if self == Start::NoDirectory { "/home" } else { DIR }));
        if matches!(self, Start::Filled | Start::WithLeftovers | Start::Linked) {
            let records = [process("p1", "completed", 0), process("p2", "running", 0)];
            let entries = records.map(|record| format!("{{ \"workspaceId\": \"\", \"process\": {record} }}"));
            if self == Start::Linked {
                client.make_dirs(Path::new("/home/shared"));
                client.link(Path::new(PROCESSES), Path::new("../../shared/all.json"));
            }
            client.write_in_place(Path::new(PROCESSES), format!("[{}]", entries.join(",\n")));
            client.write_in_place(Path::new(WORKSPACES), r#"[{"id":"w1","name":"One","rootPath":"/one"}]"#);
        }
        if self == Start::WithLeftovers {
            for name in ["processes.json.1f-0123456789abcdef.tmp", "workspaces.json.1f-fedcba9876543210.tmp"]
            {
                client.write_in_place(&Path::new(DIR).join(name), "[{\"workspaceId\":");
            }
            client.write_in_place(Path::new("/home/user/data/processes.json.tmp"), "[");
        }
        client.world(World::settle);
        client.wait(60_000_000_000);
        client
    }

    /// Where the processes really are.
    pub fn processes(self) -> PathBuf {
        PathBuf::from(if self == Start::Linked { LINKED } else { PROCESSES })
    }
}

/// One call of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Add,
    Replace,
    Merge,
    Remove,
    Clear,
    /// An update to an id that nobody knows.
    Nothing,
    Register,
    Unregister,
}

impl Step {
    pub const ALL: [Step; 8] = [
        Step::Add,
        Step::Replace,
        Step::Merge,
        Step::Remove,
        Step::Clear,
        Step::Nothing,
        Step::Register,
        Step::Unregister,
    ];

    /// `turn` makes what is written differ from what other steps wrote.
    pub fn run(self, store: &Store, turn: usize) -> Result<(), Error> {
        self.run_with(store, turn, WriteOptions::default())
    }

    pub fn run_with(self, store: &Store, turn: usize, options: WriteOptions) -> Result<(), Error> {
        let process = |mutation| one(&store.processes, mutation, options);
        let workspace = |mutation| one(&store.workspaces, mutation, options);
        let merge = |id: &str| Mutation::Merge {
            id: id.into(),
            patch: Patch { text: format!("{{\"result\":\"{turn}\"}}"), names: vec![b"result".to_vec()] },
        };
        match self {
            Step::Add => process(put(&self::process(&format!("n{turn}"), "running", turn))),
            Step::Replace => process(put(&self::process("p1", "completed", turn))),
            Step::Merge => process(merge("p1")),
            Step::Remove => process(Mutation::Remove { id: b"p1".to_vec() }),
            Step::Clear => process(Mutation::Clear {
                filter: Filter { statuses: Some(vec![b"running".to_vec()]), ..Filter::default() },
            }),
            Step::Nothing => process(merge("nobody")),
            Step::Register => workspace(put(&format!(r#"{{"id":"w1","name":"Turn {turn}"}}"#))),
            Step::Unregister => workspace(Mutation::Remove { id: b"w1".to_vec() }),
        }
    }

    pub fn is_on_processes(self) -> bool {
        !matches!(self, Step::Register | Step::Unregister)
    }
}

pub fn open(client: &Client) -> Store {
    Store::on(Arc::new(client.clone()), Path::new(DIR))
}

pub fn process(id: &str, status: &str, turn: usize) -> String {
    format!(
        r#"{{"id":"{id}","promptPreview":"turn {turn}","status":"{status}","startTime":"2026-01-01T00:00:00.000Z"}}"#
    )
}

pub fn put<R: Record>(text: &str) -> Mutation<R> {
    Mutation::put(text, None)
}

/// Applies one mutation, whose own refusal counts as well as that of its batch.
fn one<R: Record>(
    file: &file_process_store_core::DataFile<R>,
    mutation: Mutation<R>,
    options: WriteOptions,
) -> Result<(), Error> {
    let receipt = file.apply(vec![mutation], options)?;
    receipt.results.into_iter().next().expect("a result for each mutation").map(drop)
}

//! A file that has lain still for a while, and a store that trusts its stamp: where the tests of validation begin.

use std::path::Path;

use file_process_store_core::{Content, Process, Record, Store};

use crate::simulated::{Client, SECOND, World};

use super::{DIR, PROCESSES, open, process};

pub fn file() -> &'static Path {
    Path::new(PROCESSES)
}

/// A file with one record; any `turn` below ten gives the same size.
pub fn text(turn: usize) -> String {
    format!("[{{\"workspaceId\":\"\",\"process\":{}}}]", process("p1", "running", turn))
}

/// A world whose file has been there for a while, and a store that has seen it and trusts its stamp.
pub fn trusted() -> (Client, Store) {
    let client = Client::new(World::new());
    client.make_dirs(Path::new(DIR));
    client.write_in_place(file(), text(0));
    client.wait(60 * SECOND);
    let store = open(&client);
    assert_truth(&client, &store);
    assert!(store.processes.peek().is_some(), "an old file needs no second look");
    (client, store)
}

/// What the store reads is what the disk holds.
#[track_caller]
pub fn assert_truth(client: &Client, store: &Store) {
    let seen = shown(&store.processes.read().unwrap());
    let truth = client.content(file()).map_or("[]".into(), |bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(seen, truth);
}

pub fn shown(content: &Content<Process>) -> String {
    let records: Vec<_> =
        content.records().iter().map(|record| String::from_utf8_lossy(record.text())).collect();
    format!("[{}]", records.join(","))
}

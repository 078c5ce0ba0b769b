//! A disk that is full: a write that has no room is refused and changes nothing, a store needs room for the old file
//! and the new one, and not for those that it has replaced before.

mod histories;
mod simulated;

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, mpsc};

use file_process_store_core::{Batch, DataFile, Error, Process, Store, WriteOptions};
use histories::{DIR, PROCESSES, Start, Step, open, process, put};
use simulated::Client;
use tokio::runtime::Handle;

fn size(client: &Client) -> usize {
    client.content(Path::new(PROCESSES)).unwrap().len()
}

fn leave_room_for(client: &Client, bytes: usize) {
    client.world(|world| world.room = Some(bytes));
}

#[track_caller]
fn assert_full(client: &Client, result: Result<(), Error>) {
    let Err(Error::System { kind, syscall, path, .. }) = result else { panic!("{result:?}") };
    assert_eq!((kind, syscall), (ErrorKind::StorageFull, "write"));
    assert!(path.starts_with(DIR));
    let left = client.names_in(Path::new(DIR));
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
}

/// Writes one record after the other, each queued before the writer is done with the one before, in a runtime whose
/// only thread is that writer's: whatever was to be done behind a commit is not done before the last. Calls
/// `before` with the turn before each is queued. Ends with the first that fails.
fn write_in_a_row(
    store: &Store,
    turns: usize,
    before: impl Fn(usize) + Send + Sync + 'static,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (sender, outcome) = mpsc::channel();
    queue(store.processes.clone(), runtime.handle().clone(), 0..turns, Arc::new(before), sender);
    outcome.recv().unwrap()
}

fn queue(
    file: Arc<DataFile<Process>>,
    runtime: Handle,
    mut turns: Range<usize>,
    before: Arc<dyn Fn(usize) + Send + Sync>,
    sender: mpsc::Sender<Result<(), Error>>,
) {
    let Some(turn) = turns.next() else { return sender.send(Ok(())).unwrap() };
    before(turn);
    let (next, after) = (file.clone(), runtime.clone());
    let done = move |result: Result<_, Error>| match result {
        Ok(_) => queue(next, after, turns, before, sender),
        Err(error) => sender.send(Err(error)).unwrap(),
    };
    let record = put(&process(&format!("n{turn}"), "running", turn));
    file.submit(&runtime, Batch::new(vec![record], WriteOptions::default(), done));
}

#[test]
fn a_write_without_room_is_refused_and_changes_nothing_and_works_when_there_is_room() {
    let client = Start::Filled.client();
    let store = open(&client);
    let before = client.content(Path::new(PROCESSES)).unwrap();
    leave_room_for(&client, 2 * before.len());
    for turn in 1..4 {
        assert_full(&client, Step::Add.run(&store, turn));
        assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), before);
        assert_eq!(store.processes.read().unwrap().records().len(), 2);
    }
    // What needs no more room than there is works all the time.
    Step::Remove.run(&store, 4).unwrap();
    client.world(|world| world.room = None);
    Step::Add.run(&store, 5).unwrap();
    let content = store.processes.read().unwrap();
    assert_eq!(
        [b"n1", b"n2", b"n3", b"n5"].map(|id| content.place(id).is_some()),
        [false, false, false, true]
    );
}

/// Without waiting for its own earlier files to be freed, a store that writes often would need room for any number
/// of them, and refuse a write now and then as the system happens to free them.
#[test]
fn a_row_of_writes_needs_room_for_two_files_however_late_the_replaced_ones_are_freed() {
    let client = Start::Filled.client();
    let store = open(&client);
    let disk = client.clone();
    // The file as it is, the next one, and the other file of the store.
    write_in_a_row(&store, 20, move |_| leave_room_for(&disk, 2 * size(&disk) + 400)).unwrap();
    assert_eq!(store.processes.read().unwrap().records().len(), 22);
    let before = client.content(Path::new(PROCESSES)).unwrap();
    leave_room_for(&client, 2 * size(&client));
    assert_full(&client, Step::Add.run(&store, 20));
    assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), before);
}

#[test]
fn replaced_files_are_freed_when_their_room_is_needed_at_the_latest() {
    let client = Start::Filled.client();
    let store = open(&client);
    let held = |client: &Client| {
        client.world(|world| world.nodes.iter().filter(|node| node.is_held_without_a_name()).count())
    };
    let disk = client.clone();
    let before = move |turn| {
        // The sixth write is the first that has no room, and frees them all at once.
        match turn {
            5 => assert_eq!(held(&disk), 5),
            6 => assert_eq!(held(&disk), 1),
            _ => return,
        }
        leave_room_for(&disk, 2 * size(&disk) + 400);
    };
    write_in_a_row(&store, 7, before).unwrap();
}

#[test]
fn a_writer_that_has_nothing_more_to_do_frees_what_it_has_replaced() {
    let client = Start::Filled.client();
    let store = open(&client);
    for turn in 0..5 {
        Step::Add.run(&store, turn).unwrap();
        assert!(client.world(|world| !world.nodes.iter().any(|node| node.is_held_without_a_name())));
    }
}

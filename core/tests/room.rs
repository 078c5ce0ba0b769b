//! A disk that is full: a write that has no room is refused and changes nothing, a store needs room for the old file
//! and the new one, and not for those that it has replaced before.

mod histories;
mod simulated;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc;

use file_process_store_core::{Error, Store};
use histories::{DIR, PROCESSES, Start, Step, open};
use simulated::Client;

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

/// Runs the test in a runtime whose only thread for work that waits is busy until the test is over: whatever was to
/// be done behind a commit is not done.
fn while_the_runtime_is_busy(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (over, wait) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || wait.recv());
    let _entered = runtime.enter();
    test();
    drop(over);
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
    while_the_runtime_is_busy(|| {
        let client = Start::Filled.client();
        let store: Store = open(&client);
        for turn in 0..20 {
            // The file as it is, the next one, and the other file of the store.
            leave_room_for(&client, 2 * size(&client) + 400);
            Step::Add.run(&store, turn).unwrap();
        }
        assert_eq!(store.processes.read().unwrap().records().len(), 22);
        let before = client.content(Path::new(PROCESSES)).unwrap();
        leave_room_for(&client, 2 * size(&client));
        assert_full(&client, Step::Add.run(&store, 20));
        assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), before);
    });
}

#[test]
fn replaced_files_are_freed_when_their_room_is_needed_at_the_latest() {
    while_the_runtime_is_busy(|| {
        let client = Start::Filled.client();
        let store = open(&client);
        let held =
            || client.world(|world| world.nodes.iter().filter(|node| node.is_held_without_a_name()).count());
        for turn in 0..5 {
            Step::Add.run(&store, turn).unwrap();
        }
        assert_eq!(held(), 5);
        // The sixth write is the first that has no room, and frees them all at once.
        leave_room_for(&client, 2 * size(&client) + 400);
        Step::Add.run(&store, 5).unwrap();
        assert_eq!(held(), 1);
    });
}

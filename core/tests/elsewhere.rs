//! File systems that are not this machine's own: their clock is another one, and what happens to a file that is replaced
//! while somebody has it open is up to them.

mod histories;
mod simulated;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use file_process_store_core::fs::{FileSystem, Obstacle};
use file_process_store_core::{Batch, Error, Process, Receipt, Store, WriteOptions};
use histories::trusted::{assert_truth, file, text, trusted};
use histories::{DIR, Start, Step, open, process, put};
use simulated::{Client, MILLISECOND, Op, OverOpenFiles, SECOND, World};

fn elsewhere(over_open_files: OverOpenFiles) -> Client {
    let client = Start::Filled.client();
    client.world(|world| {
        world.local = false;
        world.over_open_files = over_open_files;
    });
    client
}

fn turn_in_file(client: &Client) -> String {
    String::from_utf8(client.content(file()).unwrap()).unwrap()
}

/// Of the clock of the programs before that of the file system.
const APART: [i128; 7] =
    [-3600 * SECOND, -5 * SECOND, -100 * MILLISECOND, 0, 100 * MILLISECOND, 5 * SECOND, 3600 * SECOND];

fn with_clocks_apart(ahead: i128, tick: i128) -> (Client, Store) {
    let client = Client::new(World::new());
    client.world(|world| {
        world.local = false;
        world.clock.tick = tick;
        world.clock.ahead = ahead;
    });
    client.make_dirs(Path::new(DIR));
    client.write_in_place(file(), text(0));
    let store = open(&client);
    (client, store)
}

#[test]
fn an_edit_right_after_a_read_is_seen_however_far_the_clocks_are_apart() {
    for ahead in APART {
        for tick in [MILLISECOND, 4 * MILLISECOND, 2 * SECOND] {
            let (client, store) = with_clocks_apart(ahead, tick);
            for turn in 1..200 {
                assert_truth(&client, &store);
                // The same size, and often within the tick of the last edit.
                client.write_in_place(file(), text(turn % 10));
                assert_truth(&client, &store);
                client.wait(turn as i128 % 7 * 60 * MILLISECOND);
            }
        }
    }
}

#[test]
fn an_edit_right_after_a_read_is_not_overwritten_however_far_the_clocks_are_apart() {
    for ahead in APART {
        for tick in [4 * MILLISECOND, 2 * SECOND] {
            for wait in [0, 10, 60, 500, 5000] {
                let (client, store) = with_clocks_apart(ahead, tick);
                store.processes.read().unwrap();
                client.wait(wait * MILLISECOND);
                store.processes.read().unwrap();
                client.write_in_place(file(), text(7));
                Step::Add.run(&store, 1).unwrap();
                assert!(turn_in_file(&client).contains("turn 7"), "{ahead} {tick} {wait}");
                client.write_in_place(file(), turn_in_file(&client).replace("turn 7", "turn 8"));
                Step::Add.run(&store, 2).unwrap();
                assert!(turn_in_file(&client).contains("turn 8"), "{ahead} {tick} {wait}, after our own");
            }
        }
    }
}

#[test]
fn a_file_that_has_lain_still_is_not_read_a_third_time() {
    for ahead in APART {
        let (client, store) = with_clocks_apart(ahead, 4 * MILLISECOND);
        let reads = || {
            client.calls();
            store.processes.read().unwrap();
            client.calls().iter().filter(|call| call.op == Op::Read).count()
        };
        assert!(reads() > 0);
        client.wait(300 * MILLISECOND);
        assert!(reads() > 0, "how old it is can't be told from its stamp");
        assert_eq!([reads(), reads()], [0, 0]);
    }
}

/// Whatever a store does and has done, its own handles are in nobody's way.
#[test]
fn no_store_that_is_at_rest_has_a_file_open_where_that_stands_in_the_way_of_others() {
    for over_open_files in [OverOpenFiles::RefuseAndDelete, OverOpenFiles::TakeAside] {
        let client = elsewhere(over_open_files);
        let stores = [open(&client), open(&client.another()), open(&client.another())];
        for turn in 0..9 {
            for store in &stores {
                store.processes.read().unwrap();
            }
            Step::Add.run(&stores[turn % 3], turn).unwrap();
            Step::Register.run(&stores[turn % 3], turn).unwrap();
            client.write_by_rename(file(), client.content(file()).unwrap());
            client.write_in_place(file(), turn_in_file(&client).replace('\n', " "));
            if turn % 3 == 0 {
                client.write_in_place(file(), format!("{} damaged", turn_in_file(&client)));
                stores[0].processes.recover(WriteOptions::default()).unwrap();
            }
        }
        let is_held = client.world(|world| world.nodes.iter().any(|node| node.is_held()));
        assert!(!is_held, "{over_open_files:?}");
        assert_eq!(client.world(|world| world.renames_over_open_files), 0, "{over_open_files:?}");
        drop(stores);
        assert_eq!(open(&client).processes.read().unwrap().records().len(), 11);
    }
}

#[test]
fn a_store_that_is_read_all_the_time_is_never_in_the_way_of_its_own_writes() {
    let client = elsewhere(OverOpenFiles::RefuseAndDelete);
    let store = open(&client);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    assert!(!store.processes.read().unwrap().records().is_empty());
                }
            });
        }
        for turn in 0..100 {
            Step::Replace.run(&store, turn).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert_eq!(client.world(|world| world.renames_over_open_files), 0);
}

#[test]
fn no_handle_for_writing_outlives_a_commit_or_is_open_during_its_rename_on_any_disk() {
    for local in [true, false] {
        let client = Start::Filled.client();
        client.world(|world| world.local = local);
        let store = open(&client);
        let is_written = || client.world(|world| world.nodes.iter().any(|node| node.is_being_written()));
        for step in Step::ALL {
            step.run(&store, 1).unwrap();
            assert!(!is_written(), "{step:?}");
        }
        client.write_in_place(file(), "[");
        store.processes.recover(WriteOptions::default()).unwrap();
        assert!(!is_written());
        assert_eq!(client.world(|world| world.renames_of_files_being_written), 0);
    }
}

/// A program opens the file while the store is about to replace it, and is done with it a little later.
#[test]
fn a_file_that_a_reader_has_open_is_replaced_once_the_reader_is_done() {
    for patience in [Duration::from_secs(60), Duration::MAX] {
        let client = elsewhere(OverOpenFiles::RefuseAndDelete);
        let store = Arc::new(open(&client));
        let reader = client.another().open(file()).unwrap();
        let (own, writer) = (client.clone(), store.clone());
        let writing = thread::spawn(move || {
            let options = WriteOptions { lock_timeout: patience, ..WriteOptions::default() };
            let added = put(&process("n1", "running", 1));
            let receipt = writer.processes.apply(vec![added], options).unwrap();
            assert!(receipt.commit.retries > 0);
            drop(own);
        });
        // Longer than a scanner is waited for on a disk of this machine.
        while client.world(|world| world.renames_over_open_files) < 15 {
            thread::sleep(Duration::from_millis(10));
        }
        drop(reader);
        writing.join().unwrap();
        let content = open(&client).processes.read().unwrap();
        assert_eq!(content.records().len(), 3, "{:?}", client.names_in(Path::new(DIR)));
    }
}

fn submit(
    store: &Store,
    runtime: &tokio::runtime::Runtime,
    id: &str,
    milliseconds: u64,
) -> mpsc::Receiver<Result<Receipt<Process>, Error>> {
    let (sender, told) = mpsc::channel();
    let options =
        WriteOptions { lock_timeout: Duration::from_millis(milliseconds), ..WriteOptions::default() };
    let batch = Batch::new(vec![put(&process(id, "running", 1))], options, move |result| {
        sender.send(result).unwrap();
    });
    store.processes.submit(runtime.handle(), batch);
    told
}

#[test]
fn of_those_who_wait_for_a_reader_each_is_refused_at_its_own_deadline_and_the_others_are_written() {
    let client = elsewhere(OverOpenFiles::RefuseAndDelete);
    // Refused, but not deleted: the one thing that Windows does differently.
    client.world(|world| world.over_open_files = OverOpenFiles::Refuse);
    let store = open(&client);
    let reader = client.another().open(file()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (short, long) = (submit(&store, &runtime, "n1", 0), submit(&store, &runtime, "n2", 600_000));
    let refused = short.recv().unwrap().unwrap_err();
    let Error::System { kind, syscall, reason, committed, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((*kind, *syscall, *committed), (ErrorKind::PermissionDenied, "rename", false));
    assert!(reason.contains("another program has the file open"), "{reason}");
    drop(reader);
    long.recv().unwrap().unwrap();
    let content = store.processes.read().unwrap();
    assert_eq!([content.place(b"n1"), content.place(b"n2")], [None, Some(2)]);
    let names = client.names_in(Path::new(DIR));
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}

/// SMB deletes the file that it could not replace. What it held is kept, and the error says where.
#[test]
fn what_a_server_deletes_because_a_reader_never_closes_it_is_kept() {
    let client = elsewhere(OverOpenFiles::RefuseAndDelete);
    let store = open(&client);
    let reader = client.another().open(file()).unwrap();
    let options = WriteOptions { lock_timeout: Duration::from_millis(1), ..WriteOptions::default() };
    let refused = store.processes.apply(vec![put(&process("n1", "running", 1))], options).unwrap_err();
    drop(reader);
    assert_eq!(client.content(file()), None, "the server has done it");
    let names = client.names_in(Path::new(DIR));
    let kept = names.iter().find(|name| name.ends_with(".kept")).expect("a file that is kept");
    assert!(refused.to_string().contains(kept), "{refused}");
    let kept = String::from_utf8(client.content(&Path::new(DIR).join(kept)).unwrap()).unwrap();
    assert!(["\"p1\"", "\"p2\"", "\"n1\""].iter().all(|id| kept.contains(id)), "{kept}");
    // No later call sweeps it.
    Step::Add.run(&store, 2).unwrap();
    assert!(client.names_in(Path::new(DIR)).iter().any(|name| name.ends_with(".kept")));
}

#[test]
fn a_data_file_that_is_mounted_on_its_own_is_refused_at_once_and_in_words() {
    let (client, store) = trusted();
    client.world(|world| world.obstacle = Some(Obstacle::MountPoint));
    client.calls();
    let refused = Step::Add.run(&store, 1).unwrap_err();
    assert!(refused.to_string().contains("mount its directory instead"), "{refused}");
    assert_eq!(client.calls().iter().filter(|call| call.op == Op::Rename).count(), 1);
    assert!(client.names_in(Path::new(DIR)).iter().all(|name| !name.ends_with(".tmp")));
    assert_truth(&client, &store);
}

#[test]
fn a_directory_that_lets_nothing_be_removed_collects_no_temporary_files() {
    for start in [Start::EmptyDirectory, Start::Filled] {
        let client = start.client();
        client.world(|world| world.obstacle = Some(Obstacle::Protected));
        for turn in 0..5 {
            let refused = Step::Add.run(&open(&client), turn).unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
        let names = client.names_in(Path::new(DIR));
        assert_eq!(names.iter().filter(|name| name.ends_with(".tmp")).count(), 1, "{names:?}");
        client.world(|world| world.obstacle = None);
        Step::Add.run(&open(&client), 1).unwrap();
        assert!(client.names_in(Path::new(DIR)).iter().all(|name| !name.ends_with(".tmp")));
    }
}

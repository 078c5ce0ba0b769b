//! Other programs change the file as they please between two calls: the next read sees the truth. The simulated
//! clock ticks as coarsely as real ones do, and freed inode numbers are used again at once.

mod histories;
mod simulated;

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use file_process_store_core::Store;
use histories::trusted::{assert_truth, file, shown, text, trusted};
use histories::{DIR, Start, Step, WORKSPACES, open};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use simulated::{Client, MILLISECOND, Op, SECOND, World};

#[test]
fn a_foreign_rename_over_the_file_is_seen_at_once() {
    let (client, store) = trusted();
    client.write_by_rename(file(), text(1));
    assert_truth(&client, &store);
}

#[test]
fn a_foreign_write_in_place_of_the_same_size_is_seen_at_once() {
    let (client, store) = trusted();
    client.write_in_place(file(), text(1));
    assert_truth(&client, &store);
}

#[test]
fn a_write_in_place_within_the_tick_of_the_last_one_is_seen() {
    let (client, store) = trusted();
    for turn in 1..10 {
        // Ours and theirs fall into one tick: the file has the same inode, size, mtime and ctime.
        client.write_in_place(file(), text(turn));
        assert_truth(&client, &store);
    }
}

#[test]
fn a_write_in_place_within_the_tick_of_our_own_commit_is_seen() {
    let (client, store) = trusted();
    Step::Replace.run(&store, 1).unwrap();
    let ours = String::from_utf8(client.content(file()).unwrap()).unwrap();
    client.write_in_place(file(), ours.replace("turn 1", "turn 2"));
    let content = store.processes.read().unwrap();
    assert!(shown(&content).contains("turn 2"));
}

#[test]
fn where_each_change_tells_our_own_commit_needs_no_second_look_and_hides_no_write_in_place() {
    let (client, store) = trusted();
    client.world(|world| world.multigrain = true);
    for turn in 1..9 {
        Step::Replace.run(&store, turn).unwrap();
        assert!(store.processes.peek().is_some());
        assert_truth_of(&client, &store);
        let ours = String::from_utf8(client.content(file()).unwrap()).unwrap();
        client.write_in_place(file(), ours.replace(&format!("turn {turn}"), "turn 9"));
        assert!(store.processes.peek().is_none());
        assert_truth_of(&client, &store);
    }
}

#[test]
fn while_a_commit_syncs_the_directory_the_file_is_not_read_again() {
    let (client, store) = trusted();
    client.world(|world| world.multigrain = true);
    let store = Arc::new(store);
    let reader = store.clone();
    client.interrupt_first(Op::SyncDir, move || {
        let content = reader.processes.peek().expect("a stat is enough");
        assert!(shown(&content).contains("turn 1"));
    });
    Step::Replace.run(&store, 1).unwrap();
    assert!(client.calls().iter().any(|call| call.op == Op::SyncDir));
}

/// The reader opens the new file before the writer has said that it is its own, and is done with it afterwards.
#[test]
fn a_reader_that_is_overtaken_by_the_writer_of_the_same_file_leaves_the_writers_word() {
    let (client, store) = trusted();
    client.world(|world| world.multigrain = true);
    let store = Arc::new(store);
    Step::Replace.run(&store, 1).unwrap();
    client.calls();
    Step::Replace.run(&store, 2).unwrap();
    let renamed = client.calls().iter().position(|call| call.op == Op::Rename).unwrap();

    let (published, wait_for_it) = channel();
    let readers = Arc::new(Mutex::new(None));
    let (own, reader, started) = (client.clone(), store.clone(), readers.clone());
    client.interrupt(renamed + 1, move || {
        let (reading, wait_for_reading) = channel();
        own.interrupt_first(Op::Read, move || {
            reading.send(()).unwrap();
            wait_for_it.recv().unwrap();
        });
        *started.lock().unwrap() = Some(thread::spawn(move || shown(&reader.processes.read().unwrap())));
        wait_for_reading.recv().unwrap();
    });
    Step::Replace.run(&store, 3).unwrap();
    published.send(()).unwrap();
    let seen = readers.lock().unwrap().take().unwrap().join().unwrap();
    assert!(seen.contains("turn 3"));
    assert!(store.processes.peek().is_some(), "the commit's stamp is trusted still");
}

#[test]
fn a_write_in_place_at_any_moment_of_our_own_commit_is_seen_afterwards() {
    for multigrain in [false, true] {
        let mut at = 0;
        loop {
            let (client, store) = trusted();
            client.world(|world| world.multigrain = multigrain);
            let other = client.another();
            client.interrupt(at, move || {
                if let Some(now) = other.content(file()) {
                    let now = String::from_utf8(now).unwrap();
                    other.write_in_place(file(), now.replace("turn 1", "turn 9").replace("turn 0", "turn 8"));
                }
            });
            Step::Replace.run(&store, 1).unwrap();
            let calls = client.calls().len();
            assert_truth_of(&client, &store);
            if at > calls {
                break;
            }
            at += 1;
        }
    }
}

#[test]
fn a_clock_that_counts_in_two_seconds_hides_nothing() {
    let client = Client::new(World::new());
    client.world(|world| world.clock.tick = 2 * SECOND);
    client.make_dirs(Path::new(DIR));
    let store = open(&client);
    client.wait(SECOND - client.world(|world| world.clock.now) % (2 * SECOND));
    for turn in 0..10 {
        client.write_in_place(file(), text(turn));
        assert_truth(&client, &store);
        client.wait(100 * MILLISECOND);
        // Even a read that comes long after the change, but within its tick, may not be the last word.
        assert_truth(&client, &store);
    }
}

/// The processor that counts the ticks of a guest may not be run for a while. The exact clock goes on, and by that one
/// the file of the first write would look safely old when it is read.
#[test]
fn a_clock_whose_ticks_come_late_hides_nothing() {
    let (client, store) = trusted();
    client.world(|world| world.clock.tick = 300 * MILLISECOND);
    for turn in 1..10 {
        client.write_in_place(file(), text(turn));
        client.wait(60 * MILLISECOND);
        assert_truth(&client, &store);
    }
}

#[test]
fn restored_times_hide_nothing() {
    let (client, store) = trusted();
    client.keeping_mtime(file(), || client.write_in_place(file(), text(1)));
    assert_truth(&client, &store);
    client.wait(SECOND);
    assert_truth(&client, &store);
    client.keeping_mtime(file(), || client.write_by_rename(file(), text(2)));
    assert_truth(&client, &store);
}

#[test]
fn a_file_that_is_deleted_and_made_again_is_read_again() {
    let (client, store) = trusted();
    client.remove_file(file());
    assert_truth(&client, &store);
    client.write_in_place(file(), text(1));
    assert_truth(&client, &store);
    client.wait(SECOND);
    assert_truth(&client, &store);
    client.remove_file(file());
    client.write_in_place(file(), text(2));
    assert_truth(&client, &store);
}

/// Without the open file in the snapshot this fails: the second replacement gets the inode number that the first
/// one freed, the clock, set back, gives it the time of the file that the store has seen, and by the next read the
/// clock is right again.
#[test]
fn a_recycled_inode_on_a_clock_that_was_set_back_hides_nothing() {
    let (client, store) = trusted();
    client.wait(-60 * SECOND);
    client.write_by_rename(file(), text(1));
    client.write_by_rename(file(), text(2));
    client.wait(120 * SECOND);
    assert_truth(&client, &store);
}

#[test]
fn a_clock_that_was_set_back_to_the_very_moment_of_the_last_change_hides_nothing() {
    let (client, store) = trusted();
    client.wait(-60 * SECOND);
    // The same inode, size and times as the file that was read a minute later.
    client.write_in_place(file(), text(1));
    assert_truth(&client, &store);
}

#[test]
fn a_clock_that_was_set_back_hides_no_write_in_place() {
    let (client, store) = trusted();
    client.wait(-3600 * SECOND);
    for turn in 1..10 {
        client.write_in_place(file(), text(turn));
        assert_truth(&client, &store);
        client.wait(MILLISECOND);
        assert_truth(&client, &store);
    }
}

#[test]
fn a_file_from_the_future_is_read_each_time() {
    let (client, store) = trusted();
    client.wait(3600 * SECOND);
    client.write_in_place(file(), text(1));
    client.wait(-3600 * SECOND);
    assert_truth(&client, &store);
    assert!(store.processes.peek().is_none());
    assert_truth(&client, &store);
}

#[test]
fn where_files_have_no_identity_ordinary_writes_are_seen_all_the_same() {
    let (client, store) = trusted();
    client.world(|world| world.identity = false);
    assert_truth(&client, &store);
    for turn in 1..10 {
        client.write_by_rename(file(), text(turn));
        assert_truth(&client, &store);
        client.write_in_place(file(), text(10 - turn));
        assert_truth(&client, &store);
    }
    Step::Add.run(&store, 1).unwrap();
    assert!(store.processes.read().unwrap().place(b"n1").is_some());
}

#[test]
fn a_file_on_a_network_is_never_answered_for_without_waiting() {
    let (client, _) = trusted();
    client.world(|world| world.local = false);
    let store = open(&client);
    assert_truth(&client, &store);
    assert!(store.processes.peek().is_none());
    assert_truth(&client, &store);
}

#[test]
fn a_link_to_a_file_on_a_network_is_never_answered_for_without_waiting() {
    let client = Start::Linked.client();
    let store = open(&client);
    store.processes.read().unwrap();
    assert!(store.processes.peek().is_some(), "both ends are local");
    client.world(|world| world.network = Some(world.lookup(Path::new("/home/shared"), true).unwrap()));
    let store = open(&client);
    store.processes.read().unwrap();
    assert!(store.processes.peek().is_none());
    // A link that leads nowhere yet may lead to a network.
    client.remove_file(Path::new("/home/shared/all.json"));
    assert!(store.processes.read().unwrap().records().is_empty());
    assert!(store.processes.peek().is_none());
    // The other file of this directory is none, and local.
    store.workspaces.read().unwrap();
    assert!(store.workspaces.peek().is_some());
    client.remove_file(Path::new(WORKSPACES));
    store.workspaces.read().unwrap();
    assert!(store.workspaces.peek().is_some(), "where there is no file, the directory tells");
}

#[test]
fn a_read_of_an_unchanged_file_costs_one_stat() {
    let (client, store) = trusted();
    client.calls();
    for _ in 0..10 {
        store.processes.read().unwrap();
    }
    let calls = client.calls();
    assert_eq!(calls.len(), 10);
    assert!(calls.iter().all(|call| call.op == Op::Stat));
}

#[test]
fn reading_where_there_is_nothing_creates_nothing() {
    let client = Client::new(World::new());
    let store = open(&client);
    assert!(store.processes.read().unwrap().records().is_empty());
    assert!(store.workspaces.read().unwrap().records().is_empty());
    for step in [Step::Merge, Step::Remove, Step::Clear, Step::Nothing, Step::Unregister] {
        step.run(&store, 1).unwrap();
    }
    assert!(client.names_in(Path::new("/")).is_empty());
}

/// What the store reads and what the disk holds, white space left aside.
fn seen_and_true(client: &Client, store: &Store) -> (String, String) {
    let truth = client.content(file()).map_or("[]".into(), |bytes| String::from_utf8(bytes).unwrap());
    let squeezed = |text: &str| text.replace(['\n', ' '], "");
    (squeezed(&shown(&store.processes.read().unwrap())), squeezed(&truth))
}

#[track_caller]
fn assert_truth_of(client: &Client, store: &Store) {
    let (seen, truth) = seen_and_true(client, store);
    assert_eq!(seen, truth);
}

/// What anybody may do to the file between two reads.
#[derive(Clone, Copy, Debug)]
enum Act {
    InPlace(usize),
    ByRename(usize),
    KeepingTimes(usize),
    Remove,
    Ours,
    Wait(i128),
    /// The clock is set back, past anything that it has stamped files with.
    SetBack,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_usize..10).prop_map(Act::InPlace),
        4 => (0_usize..10).prop_map(Act::ByRename),
        2 => (0_usize..10).prop_map(Act::KeepingTimes),
        1 => Just(Act::Remove),
        2 => Just(Act::Ours),
        3 => prop_oneof![Just(MILLISECOND), Just(5 * MILLISECOND), Just(60 * MILLISECOND), Just(5 * SECOND)].prop_map(Act::Wait),
        1 => Just(Act::SetBack),
    ]
}

proptest! {
    // The seed of a failure is printed, and kept beside this file.
    #![proptest_config(ProptestConfig::with_failure_persistence(
        FileFailurePersistence::WithSource("proptest-regressions"),
    ))]

    #[test]
    fn the_next_read_sees_the_truth(
        acts in prop::collection::vec((act(), any::<bool>()), 1..40),
        tick in prop_oneof![Just(MILLISECOND), Just(4 * MILLISECOND), Just(16 * MILLISECOND), Just(SECOND), Just(2 * SECOND)],
        multigrain: bool,
        // Of the programs' clock before the one of the file system, where it is not the same one.
        ahead in prop_oneof![2 => Just(None), 1 => (-3600_i128..3600).prop_map(Some)],
    ) {
        let client = Client::new(World::new());
        client.world(|world| world.local = ahead.is_none());
        client.world(|world| world.clock.ahead = ahead.unwrap_or(0) * SECOND);
        client.world(|world| world.clock.tick = tick);
        // A file system that counts in seconds has no room for finer times.
        client.world(|world| world.multigrain = multigrain && tick < SECOND);
        client.make_dirs(Path::new(DIR));
        let store = open(&client);
        let mut back = 3600 * SECOND;
        for (act, look) in acts {
            match act {
                Act::InPlace(turn) => client.write_in_place(file(), text(turn)),
                Act::ByRename(turn) => client.write_by_rename(file(), text(turn)),
                Act::KeepingTimes(turn) if client.content(file()).is_some() => {
                    client.keeping_mtime(file(), || client.write_in_place(file(), text(turn)));
                }
                Act::Remove if client.content(file()).is_some() => client.remove_file(file()),
                Act::KeepingTimes(_) | Act::Remove => {}
                Act::Ours => Step::Replace.run(&store, 1).unwrap(),
                Act::Wait(time) => client.wait(time),
                Act::SetBack => {
                    // Elsewhere, the store relies on a clock that is not set back, whatever ours does.
                    match ahead {
                        None => client.wait(-back),
                        Some(_) => client.world(|world| world.clock.ahead -= back),
                    }
                    back *= 2;
                }
            }
            if look {
                let (seen, truth) = seen_and_true(&client, &store);
                prop_assert_eq!(seen, truth, "after {:?}", act);
            }
        }
    }
}

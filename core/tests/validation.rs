//! Other programs change the file as they please: the next read sees the truth, and so does the next write. The
//! simulated clock ticks as coarsely as real ones do, and freed inode numbers are used again at once.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Content, Mutation, Patch, Process, Record, Store, WriteOptions};
use histories::{DIR, PROCESSES, Step, open, process};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use simulated::{Client, MILLISECOND, Op, SECOND, World};

fn file() -> &'static Path {
    Path::new(PROCESSES)
}

/// A file with one record; any `turn` below ten gives the same size.
fn text(turn: usize) -> String {
    format!("[{{\"workspaceId\":\"\",\"process\":{}}}]", process("p1", "running", turn))
}

/// A world whose file has been there for a while, and a store that has seen it and trusts its stamp.
fn trusted() -> (Client, Store) {
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
fn assert_truth(client: &Client, store: &Store) {
    let seen = shown(&store.processes.read().unwrap());
    let truth = client.content(file()).map_or("[]".into(), |bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(seen, truth);
}

fn shown(content: &Content<Process>) -> String {
    let records: Vec<_> =
        content.records().iter().map(|record| String::from_utf8_lossy(record.text())).collect();
    format!("[{}]", records.join(","))
}

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
/// one freed, and the clock, set back, gives it the time of the file that the store has seen.
#[test]
fn a_recycled_inode_on_a_clock_that_was_set_back_hides_nothing() {
    let (client, store) = trusted();
    client.wait(-60 * SECOND);
    client.write_by_rename(file(), text(1));
    client.write_by_rename(file(), text(2));
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

/// A plain store takes no lock. Whatever it renames into place before our last look at the file is kept; the test
/// lets it come in at every call of a commit.
#[test]
fn what_a_plain_store_writes_during_a_commit_is_kept() {
    for prompt in ["short".into(), "long".repeat(50_000)] {
        let theirs = [process("p1", "running", 7), process("p3", "running", 7)].map(|record| {
            format!("{{\"workspaceId\":\"\",\"process\":{}}}", record.replace("turn 7", &prompt))
        });
        let theirs = format!("[{}]", theirs.join(","));
        // Two commits in a row: the second one finds a snapshot that is too young to be trusted.
        let prepared = || {
            let (client, store) = trusted();
            client.write_by_rename(file(), &theirs);
            Step::Add.run(&store, 0).unwrap();
            client.calls();
            (client, store)
        };
        let (client, store) = prepared();
        Step::Add.run(&store, 1).unwrap();
        let rename = client.calls().iter().position(|call| call.op == Op::Rename).unwrap();
        for at in 0..rename {
            let (client, store) = prepared();
            let (other, theirs) = (client.another(), theirs.replace("p3", "p4"));
            client.interrupt(at, move || other.write_by_rename(file(), theirs));
            Step::Add.run(&store, 1).unwrap();
            let content = store.processes.read().unwrap();
            assert!(content.place(b"p4").is_some(), "lost when the plain store came before call {at}");
            assert!(content.place(b"n1").is_some() && content.place(b"n0").is_none());
            let mut names = client.names_in(Path::new(DIR)).into_iter();
            assert!(names.all(|name| !name.ends_with(".tmp")));
        }
    }
}

/// Right after our own commit the stamp is too young to tell. A large file is then compared while the next one is
/// being written, a small one before.
#[test]
fn what_others_write_in_place_right_after_our_own_commit_is_kept() {
    for prompt in ["short".into(), "x".repeat(200_000)] {
        let (client, store) = trusted();
        let added = process("p9", "running", 1).replace("turn 1", &prompt);
        store.processes.apply(vec![histories::put(&added)], WriteOptions::default()).unwrap();
        let ours = || String::from_utf8(client.content(file()).unwrap()).unwrap();
        client.write_in_place(file(), ours().replace("turn 0", "turn 5"));
        Step::Add.run(&store, 1).unwrap();
        assert!(ours().contains("turn 5") && ours().contains("n1"));
        // A call that finds nothing to do in what it remembers must look at the file, too.
        client.write_in_place(file(), ours().replace("\"p1\"", "\"p2\""));
        assert_eq!(update(&store, "p2"), 1);
        client.write_in_place(file(), ours().replace("\"p2\"", "\"p1\""));
        assert_eq!(update(&store, "p2"), 0);
        assert_eq!(update(&store, "p1"), 1);
    }
}

/// How many records an update of this id has changed.
fn update(store: &Store, id: &str) -> usize {
    let patch = Patch { text: "{\"error\":\"e\"}".into(), names: vec![b"error".to_vec()] };
    let merge = Mutation::Merge { id: id.into(), patch };
    let receipt = store.processes.apply(vec![merge], WriteOptions::default()).unwrap();
    receipt.results[0].as_ref().unwrap().count
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let reads = {
        let (client, _) = trusted();
        open(&client).processes.read().unwrap();
        client.calls().len()
    };
    for at in 0..reads {
        let (client, _) = trusted();
        let two = text(1).replace("[{", "[ {").replace("p1", "another");
        let (other, theirs) = (client.another(), two.clone());
        client.interrupt(at, move || other.write_in_place(file(), theirs));
        // Half of the one and half of the other would be a damaged file, or worse, a whole one.
        let seen = shown(&open(&client).processes.read().unwrap());
        assert!([text(0), text(1).replace("p1", "another")].contains(&seen), "{seen}");
    }
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
    ) {
        let client = Client::new(World::new());
        client.world(|world| world.clock.tick = tick);
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
                    client.wait(-back);
                    back *= 2;
                }
            }
            if look {
                let truth = client.content(file()).map_or("[]".into(), |bytes| String::from_utf8(bytes).unwrap());
                let squeezed = |text: &str| text.replace(['\n', ' '], "");
                let seen = squeezed(&shown(&store.processes.read().unwrap()));
                prop_assert_eq!(seen, squeezed(&truth), "after {:?}", act);
            }
        }
    }
}

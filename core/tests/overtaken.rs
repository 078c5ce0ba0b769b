//! Other programs come in between while the store reads or writes: what they have written is kept.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Mutation, Patch, Process, Store, WriteOptions};
use histories::trusted::{file, shown, text, trusted};
use histories::{DIR, Step, open, process, put};
use simulated::{Client, Failure, Op, Reach};

/// The number that Unix has for it.
const EBUSY: i32 = 16;

/// A plain store takes no lock. Whatever it renames into place before our last look at the file is kept; the test
/// lets it come in at every call of a commit.
#[test]
fn what_a_plain_store_writes_during_a_commit_is_kept() {
    let mut tried = 0;
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
            tried += 1;
        }
    }
    println!("{tried} interleavings");
}

/// A plain store that writes without a pause would keep every commit from ending. After 64 attempts the store goes
/// ahead, as it would if the other had come in just behind its last look; so does a call that changes nothing.
#[test]
fn a_plain_store_that_never_rests_keeps_no_call_waiting_for_ever() {
    for prompt in ["short".into(), "x".repeat(200_000)] {
        for (call, id) in [(Op::CreateNew, "p1"), (Op::Open, "p2")] {
            let (client, store) = trusted();
            store.processes.apply(vec![put(&process("p9", "running", 1))], WriteOptions::default()).unwrap();
            let theirs = text(0).replace("turn 0", &prompt);
            write_before_every(call, &client, theirs, 20_000);
            let receipt = store.processes.apply(vec![merge(id)], WriteOptions::default()).unwrap();
            assert_eq!(receipt.results[0].as_ref().unwrap().count, usize::from(id == "p1"));
            assert_eq!(receipt.commit.retries, 64, "{call:?}, {} bytes", prompt.len());
        }
    }
}

/// Has a plain store write before each of the next calls of a kind.
fn write_before_every(call: Op, client: &Client, theirs: String, times: usize) {
    let (us, other) = (client.clone(), client.another());
    client.interrupt_first(call, move || {
        // Never the same twice, not even in size.
        other.write_by_rename(file(), format!("{theirs}{}", " ".repeat(times)));
        if times > 1 {
            write_before_every(call, &us, theirs, times - 1);
        }
    });
}

#[test]
fn a_receipt_tells_how_often_its_commit_was_tried_again() {
    let rename = {
        let (client, store) = trusted();
        client.calls();
        Step::Add.run(&store, 1).unwrap();
        client.calls().iter().position(|call| call.op == Op::Rename).unwrap()
    };
    let commit = |hinder: &dyn Fn(&Client, usize)| {
        let (client, store) = trusted();
        client.calls();
        hinder(&client, rename);
        let added = put(&process("n1", "running", 1));
        let receipt = store.processes.apply(vec![added], WriteOptions::default()).unwrap();
        (receipt.commit.operations, receipt.commit.retries)
    };
    assert_eq!(commit(&|_, _| {}), (1, 0));
    if cfg!(unix) {
        let hindered = |client: &Client, rename| client.fail(rename, Failure::Errno(EBUSY), Reach::Once);
        assert_eq!(commit(&hindered), (1, 1));
    }
    let overtaken = |client: &Client, rename| {
        let other = client.another();
        client.interrupt(rename - 1, move || other.write_by_rename(file(), text(5)));
    };
    assert_eq!(commit(&overtaken), (1, 1));
}

/// Right after our own commit the stamp is too young to tell. A large file is then compared while the next one is
/// being written, a small one before.
#[test]
fn what_others_write_in_place_right_after_our_own_commit_is_kept() {
    for prompt in ["short".into(), "x".repeat(200_000)] {
        let (client, store) = trusted();
        let added = process("p9", "running", 1).replace("turn 1", &prompt);
        store.processes.apply(vec![put(&added)], WriteOptions::default()).unwrap();
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

fn merge(id: &str) -> Mutation<Process> {
    let patch = Patch { text: "{\"error\":\"e\"}".into(), names: vec![b"error".to_vec()] };
    Mutation::Merge { id: id.into(), patch }
}

/// How many records an update of this id has changed.
fn update(store: &Store, id: &str) -> usize {
    let receipt = store.processes.apply(vec![merge(id)], WriteOptions::default()).unwrap();
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

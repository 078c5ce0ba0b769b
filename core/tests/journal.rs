//! What a journal promises: the same states as without it, in every order of writers, and the same file in the end.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Error, Process, Record, Store, WriteOptions};
use histories::{DIR, PROCESSES, Start, Step, open, process};
use simulated::Client;

const JOURNAL: &str = "/home/user/data/processes.json.journal";

fn journaled() -> WriteOptions {
    WriteOptions { journal: true, ..WriteOptions::default() }
}

/// What a store that starts now finds.
fn state(client: &Client) -> String {
    let store = open(&client.another());
    shown(&store)
}

fn shown(store: &Store) -> String {
    let content = store.processes.read().unwrap();
    String::from_utf8(content.parts().concat()).unwrap()
}

#[test]
fn each_history_leads_to_the_same_states_and_the_same_file_as_without_a_journal() {
    for start in Start::ALL {
        for first in Step::ALL {
            for second in Step::ALL {
                for third in [Step::Add, Step::Merge, Step::Remove] {
                    let (plain, ours) = (start.client(), start.client());
                    let (plain_store, our_store) = (open(&plain), open(&ours));
                    for (turn, step) in [first, second, third].into_iter().enumerate() {
                        step.run(&plain_store, turn).unwrap();
                        step.run_with(&our_store, turn, journaled()).unwrap();
                        let expected = state(&plain);
                        assert_eq!(shown(&our_store), expected, "{start:?} {first:?} {second:?} {third:?}");
                        assert_eq!(state(&ours), expected, "{start:?} {first:?} {second:?} {third:?}");
                    }
                    our_store.processes.checkpoint(WriteOptions::default()).unwrap();
                    our_store.workspaces.checkpoint(WriteOptions::default()).unwrap();
                    assert_eq!(ours.content(&start.processes()), plain.content(&start.processes()));
                    let names = ours.names_in(start.processes().parent().unwrap());
                    assert!(!names.iter().any(|name| name.ends_with("journal")), "{names:?}");
                }
            }
        }
    }
}

#[test]
fn a_write_leaves_the_file_alone_and_adds_a_line_to_the_journal() {
    let client = Start::Filled.client();
    let store = open(&client);
    let file = client.content(Path::new(PROCESSES));
    Step::Merge.run_with(&store, 1, journaled()).unwrap();
    Step::Add.run_with(&store, 2, journaled()).unwrap();
    Step::Remove.run_with(&store, 3, journaled()).unwrap();
    assert_eq!(client.content(Path::new(PROCESSES)), file);
    let journal = String::from_utf8(client.content(Path::new(JOURNAL)).unwrap()).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with(r#"{"set":"p1","fields":{"result":"1"},"sum":""#), "{}", lines[1]);
    assert!(
        lines[2].starts_with(r#"{"put":{"workspaceId":"","process":{"id":"n2","promptPreview":"#),
        "{}",
        lines[2]
    );
    assert!(lines[3].starts_with(r#"{"remove":"p1","sum":""#), "{}", lines[3]);
    let content = store.processes.read().unwrap();
    assert!(
        content
            .records()
            .iter()
            .map(|record: &std::sync::Arc<Process>| record.id().to_vec())
            .eq([b"p2".to_vec(), b"n2".to_vec()])
    );
    assert!(client.names_in(Path::new(DIR)).iter().all(|name| !name.ends_with(".tmp")));
}

/// Two changes in the journal of a file with two records, and what they are together.
fn with_changes() -> (Client, Store, String) {
    let client = Start::Filled.client();
    let store = open(&client);
    for (turn, step) in [Step::Add, Step::Merge, Step::Add].into_iter().enumerate() {
        step.run_with(&store, turn, journaled()).unwrap();
    }
    let state = state(&client);
    (client, store, state)
}

fn ids(store: &Store) -> Vec<String> {
    let content = store.processes.read().unwrap();
    content.records().iter().map(|record| String::from_utf8_lossy(record.id()).into_owned()).collect()
}

#[test]
fn what_others_write_between_two_writes_is_kept_and_so_is_what_the_journal_holds() {
    type Write = fn(&Client, &Path, String);
    for write in [Client::write_by_rename as Write, Client::write_in_place as Write] {
        for step in [Step::Add, Step::Merge, Step::Remove] {
            for journal in [true, false] {
                let (client, store, _) = with_changes();
                let text = String::from_utf8(client.content(Path::new(PROCESSES)).unwrap()).unwrap();
                // An editor, or a plain store, knows the file alone: it changes one record and adds another.
                let added = process("theirs", "running", 7);
                let theirs = text.replacen("turn 0", "by hand", 2);
                let theirs =
                    theirs.replacen('[', &format!("[{{\"workspaceId\":\"\",\"process\":{added}}},"), 1);
                client.wait(60_000_000_000);
                write(&client, Path::new(PROCESSES), theirs);
                client.wait(60_000_000_000);
                for store in [&store, &open(&client.another())] {
                    assert_eq!(ids(store), ["theirs", "p1", "p2", "n0", "n2"]);
                }
                step.run_with(&store, 9, WriteOptions { journal, ..WriteOptions::default() }).unwrap();
                let found = state(&client);
                let gone = step == Step::Remove;
                // The journal has touched p1; p2 is theirs.
                assert_eq!(found.matches("by hand").count(), if gone { 1 } else { 2 }, "{found}");
                let result = if step == Step::Merge { "\"result\": \"9\"" } else { "\"result\": \"1\"" };
                assert_eq!(found.contains(result), !gone, "{found}");
                assert!(found.contains("\"n0\"") && found.contains("\"n2\"") && found.contains("theirs"));
                assert_eq!(found.contains("\"n9\""), step == Step::Add);
            }
        }
    }
}

#[test]
fn a_directory_that_is_copied_is_the_same_store() {
    let (client, _, before) = with_changes();
    let copy = Client::new(simulated::World::new());
    copy.make_dirs(Path::new(DIR));
    for name in client.names_in(Path::new(DIR)) {
        let path = Path::new(DIR).join(name);
        copy.write_in_place(&path, client.content(&path).unwrap());
    }
    assert_eq!(state(&copy), before);
    let store = open(&copy);
    Step::Add.run_with(&store, 5, journaled()).unwrap();
    Step::Add.run(&store, 6).unwrap();
    assert_eq!(ids(&open(&copy)), ["p1", "p2", "n0", "n2", "n5", "n6"]);
}

#[test]
fn a_journal_that_is_damaged_before_its_end_is_refused_with_its_line_and_not_touched() {
    let (client, _, before) = with_changes();
    let journal = client.content(Path::new(JOURNAL)).unwrap();
    let mut refused = 0;
    for at in 0..journal.len() {
        let mut damaged = journal.clone();
        damaged[at] = if damaged[at] == b'x' { b'y' } else { b'x' };
        client.write_in_place(Path::new(JOURNAL), &damaged);
        let store = open(&client.another());
        match store.processes.read() {
            Err(Error::Corrupt { path, line, .. }) => {
                let expected = journal[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
                assert!(
                    path == Path::new(JOURNAL) && line <= expected,
                    "byte {at} of line {expected}: {line}"
                );
                Step::Add.run(&store, 8).unwrap_err();
                Step::Add.run_with(&store, 8, journaled()).unwrap_err();
                assert_eq!(client.content(Path::new(JOURNAL)).unwrap(), damaged);
                refused += 1;
            }
            Err(other) => panic!("byte {at}: {other}"),
            // Only what looks like the tail of an append that was never told is left out.
            Ok(content) => {
                let now = String::from_utf8(content.parts().concat()).unwrap();
                let last = journal.len() - 28;
                assert!(at > last && before.starts_with(now.trim_end_matches("\n]")), "byte {at}: {now}");
            }
        }
    }
    println!("{refused} of {} refused", journal.len());
}

#[test]
fn recovery_keeps_a_copy_of_a_damaged_journal_and_every_whole_change() {
    let (client, _, _) = with_changes();
    let journal = client.content(Path::new(JOURNAL)).unwrap();
    let lines: Vec<usize> = std::iter::once(0).chain(memchr(&journal).into_iter().map(|at| at + 1)).collect();
    // The head, the first change, the second one, or the line break between them.
    let cases: [(usize, &[&str]); 4] = [
        (lines[0] + 5, &["p1", "p2", "n0", "n2"]),
        (lines[1] + 20, &["p1", "p2", "n2"]),
        (lines[2] + 20, &["p1", "p2", "n0", "n2"]),
        (lines[2] - 1, &["p1", "p2", "n2"]),
    ];
    for (at, expected) in cases {
        let (client, _, _) = with_changes();
        let mut damaged = client.content(Path::new(JOURNAL)).unwrap();
        damaged[at] = b'x';
        client.write_in_place(Path::new(JOURNAL), &damaged);
        let store = open(&client.another());
        let recovery = store.processes.recover(WriteOptions::default()).unwrap();
        let copy = recovery.backup.unwrap();
        assert_eq!(client.content(&copy).unwrap(), damaged);
        assert!(copy.to_str().unwrap().starts_with(&format!("{JOURNAL}.corrupt-")), "{copy:?}");
        assert!(!recovery.lost.is_empty() && recovery.kept == expected.len(), "{:?}", recovery.lost);
        assert_eq!(ids(&store), expected, "byte {at}");
        assert_eq!(client.content(Path::new(JOURNAL)), None);
        let has_lost_the_merge = [lines[2] + 20, lines[2] - 1].contains(&at);
        assert_eq!(state(&client).contains("\"result\": \"1\""), !has_lost_the_merge, "byte {at}");
        Step::Add.run_with(&store, 9, journaled()).unwrap();
        assert!(store.processes.recover(WriteOptions::default()).unwrap().backup.is_none());
    }
}

fn memchr(text: &[u8]) -> Vec<usize> {
    (0..text.len()).filter(|&at| text[at] == b'\n').collect()
}

#[test]
fn a_damaged_file_is_recovered_with_what_its_journal_holds() {
    let (client, _, _) = with_changes();
    let mut text = client.content(Path::new(PROCESSES)).unwrap();
    let cut = text.len() - 20;
    text.truncate(cut);
    client.write_in_place(Path::new(PROCESSES), &text);
    let store = open(&client.another());
    assert!(
        matches!(store.processes.read(), Err(Error::Corrupt { path, .. }) if path == Path::new(PROCESSES))
    );
    let recovery = store.processes.recover(WriteOptions::default()).unwrap();
    assert_eq!(client.content(&recovery.backup.unwrap()).unwrap(), text);
    assert_eq!(ids(&store), ["p1", "n0", "n2"]);
    assert!(state(&client).contains("\"result\": \"1\""));
    assert_eq!(client.content(Path::new(JOURNAL)), None);
}

#[test]
fn a_journal_that_outgrows_its_file_is_folded_into_it_and_the_store_goes_on() {
    let client = Start::Filled.client();
    let (store, other) = (open(&client), open(&client.another()));
    let mut largest = 0;
    for turn in 0..40 {
        let long = process(&format!("n{turn}"), "running", turn).replace("turn", &"long ".repeat(20_000));
        store.processes.apply(vec![histories::put(&long)], journaled()).unwrap();
        Step::Merge.run_with(&other, turn, journaled()).unwrap();
        largest = largest.max(client.content(Path::new(JOURNAL)).map_or(0, |journal| journal.len()));
        client.wait(1_000_000_000);
    }
    let file = client.content(Path::new(PROCESSES)).unwrap().len();
    assert!(file > 1_000_000 && largest < 3_000_000, "{file} bytes, and the journal up to {largest}");
    for store in [&store, &other, &open(&client.another())] {
        assert_eq!(ids(store).len(), 42);
        assert!(shown(store).contains("\"result\": \"39\""));
    }
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    for journal in [true, false] {
        let (client, store, before) = with_changes();
        let files = || [PROCESSES, JOURNAL].map(|path| client.content(Path::new(path)));
        let untouched = files();
        Step::Merge.run_with(&store, 1, WriteOptions { journal, ..WriteOptions::default() }).unwrap();
        assert_eq!((files(), state(&client)), (untouched, before));
    }
}

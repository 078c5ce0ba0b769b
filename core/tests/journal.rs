//! What a journal promises: the same states as without it, in every order of writers, and the same file in the end.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Process, Record, Store, WriteOptions};
use histories::{DIR, PROCESSES, Start, Step, open};
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
                for third in Step::ALL {
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

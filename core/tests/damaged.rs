//! A file that no store could have written is refused by reads and by mutations alike, with the place of the damage,
//! and its bytes are never touched; mended, it works again at the next call.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Error, Store, WriteOptions};
use histories::{DIR, PROCESSES, Start, Step, WORKSPACES, open, process};
use simulated::{Client, World};

fn entry(id: &str) -> String {
    format!("{{\"workspaceId\":\"w\",\"process\":{}}}", process(id, "running", 1))
}

/// A file that holds this, and a store on it.
fn with(content: &[u8]) -> (Client, Store) {
    let client = Client::new(World::new());
    client.make_dirs(Path::new(DIR));
    client.write_in_place(Path::new(PROCESSES), content);
    client.wait(60_000_000_000);
    let store = open(&client);
    (client, store)
}

const WRITES: [Step; 6] = [Step::Add, Step::Replace, Step::Merge, Step::Remove, Step::Clear, Step::Nothing];

/// Line and column at which reads and all mutations refuse the file.
#[track_caller]
fn refused(content: &[u8]) -> (usize, usize) {
    let (client, store) = with(content);
    let mut places: Vec<(usize, usize)> = Vec::new();
    let results = std::iter::once(store.processes.read().map(drop))
        .chain(WRITES.map(|step| step.run(&store, 1)))
        .collect::<Vec<_>>();
    for result in results {
        match result {
            Err(Error::Corrupt { path, line, column, .. }) if path == Path::new(PROCESSES) => {
                places.push((line, column))
            }
            other => panic!("{}: {other:?}", String::from_utf8_lossy(content)),
        }
    }
    assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), content);
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    // Mended, it works at the next call of the same store.
    client.write_in_place(Path::new(PROCESSES), format!("[{}]", entry("p1")));
    assert_eq!(store.processes.read().unwrap().records().len(), 1);
    Step::Add.run(&store, 2).unwrap();
    places[0]
}

#[test]
fn a_file_cut_off_at_any_byte_is_refused_and_kept() {
    let whole = format!("[\n  {},\n  {}\n]", entry("p1"), entry("\u{e9}"));
    for end in 0..whole.len() {
        let before = whole.as_bytes()[..end].iter();
        let lines = before.clone().filter(|byte| **byte == b'\n').count();
        let column = before.rev().take_while(|byte| **byte != b'\n').count();
        let (line, found) = refused(&whole.as_bytes()[..end]);
        assert!(
            line == lines + 1 && (found == column + 1 || found == column),
            "cut at {end}: {line}:{found}"
        );
    }
}

#[test]
fn damage_is_told_by_line_and_column() {
    let (a, b) = (entry("a"), entry("b"));
    for (content, place) in [
        (String::new(), (1, 1)),
        ("\0\0\0\0\0\0".into(), (1, 1)),
        ("{}".into(), (1, 1)),
        ("\u{feff}{}".into(), (1, 4)),
        ("\u{feff}\u{feff}[]".into(), (1, 4)),
        (format!("[\n  {a},\n<<<<<<< HEAD\n  {b}\n=======\n]"), (3, 1)),
        (format!("[\n  {a}\n  {b}\n]"), (3, 3)),
        (format!("[\n  {a},\n  {b}\n]\ntrailing"), (5, 1)),
        (format!("[\n  {a},\n  7\n]"), (3, 3)),
        (format!("[\n  {a},\n  {{\n    \"workspaceId\": 7,\n    \"process\": {{}}\n  }}\n]"), (4, 20)),
    ] {
        assert_eq!(refused(content.as_bytes()), place, "{content}");
    }
    let bad = format!("[\n  {a},\n  {}\n]", b.replace("turn", "X"));
    let at = bad.find('X').unwrap();
    let invalid = [&bad.as_bytes()[..at], b"\xff", &bad.as_bytes()[at + 1..]].concat();
    assert_eq!(refused(&invalid), (3, at - bad.rfind("  {").unwrap() + 1));
}

#[test]
fn the_other_files_are_not_concerned() {
    let (client, store) = with(b"[");
    Step::Register.run(&store, 1).unwrap();
    client.write_in_place(Path::new(WORKSPACES), r#"[{"id":7}]"#);
    for result in
        [Step::Register.run(&store, 2), Step::Unregister.run(&store, 2), store.workspaces.read().map(drop)]
    {
        assert!(matches!(result, Err(Error::Corrupt { line: 1, column: 8, .. })), "{result:?}");
    }
    assert_eq!(client.content(Path::new(WORKSPACES)).unwrap(), br#"[{"id":7}]"#);
}

#[test]
fn what_is_only_odd_is_read_and_kept() {
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let odd = entry("odd").replace(
        "\"status\"",
        &format!(
            "\"deep\":{nested},\"big\":1E400,\"big\":123456789012345678901234567890,\"type\":null,\"status\""
        ),
    );
    let (client, store) = with(format!("\r\n [{odd}\t,{}]\n\n", entry("p1")).as_bytes());
    assert_eq!(store.processes.read().unwrap().records().len(), 2);
    Step::Merge.run(&store, 1).unwrap();
    let text = String::from_utf8(client.content(Path::new(PROCESSES)).unwrap()).unwrap();
    assert!(text.starts_with(&format!("[\n  {odd},\n  {{\n    \"workspaceId\": \"w\"")));
}

#[test]
fn what_is_no_regular_file_is_refused_without_being_opened_for_long() {
    let client = Start::EmptyDirectory.client();
    let store = open(&client);
    client.make_fifo(Path::new(PROCESSES));
    client.make_dirs(Path::new(WORKSPACES));
    for result in [store.processes.read().map(drop), Step::Add.run(&store, 1), Step::Remove.run(&store, 1)] {
        assert!(
            matches!(&result, Err(Error::Corrupt { expected, .. }) if expected.contains("FIFO")),
            "{result:?}"
        );
    }
    for result in [store.workspaces.read().map(drop), Step::Register.run(&store, 1)] {
        assert!(
            matches!(&result, Err(Error::Corrupt { expected, .. }) if expected.contains("directory")),
            "{result:?}"
        );
    }
    client.remove_file(Path::new(PROCESSES));
    store
        .processes
        .apply(vec![histories::put(&process("p1", "queued", 1))], WriteOptions::default())
        .unwrap();
}

/// As editors on Windows write it. A write makes the file ours.
#[test]
fn a_byte_order_mark_is_read_and_stays_until_the_next_write() {
    let text = format!("\u{feff}[{}]", entry("p1"));
    let (client, store) = with(text.as_bytes());
    assert_eq!(store.processes.read().unwrap().records().len(), 1);
    Step::Nothing.run(&store, 1).unwrap();
    assert_eq!(store.processes.recover(WriteOptions::default()).unwrap().kept, 1);
    assert_eq!(client.content(Path::new(PROCESSES)).unwrap(), text.as_bytes());
    Step::Merge.run(&store, 2).unwrap();
    assert!(client.content(Path::new(PROCESSES)).unwrap().starts_with(b"[\n  {"));
    client.write_in_place(Path::new(WORKSPACES), "\u{feff}[{\"id\":\"w1\"}]");
    assert_eq!(store.workspaces.read().unwrap().records().len(), 1);
    client.write_in_place(Path::new(PROCESSES), &text[..text.len() - 1]);
    assert_eq!(store.processes.recover(WriteOptions::default()).unwrap().kept, 1);
}

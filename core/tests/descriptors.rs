//! A process with a thousand stores has descriptors left. This test has a process of its own: it counts them.

#![cfg(target_os = "linux")]

use std::fs;
use std::time::Duration;

use file_process_store_core::fs::{FileSystem, RealFs};
use file_process_store_core::{Content, Process, Record, Store};

fn text(turn: usize) -> String {
    format!(
        r#"[{{"workspaceId":"","process":{{"id":"p{turn}","status":"running","startTime":"2026-01-01T00:00:00.000Z"}}}}]"#
    )
}

fn id(content: &Content<Process>) -> String {
    String::from_utf8(content.records()[0].id().to_vec()).unwrap()
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_thousand_stores_keep_few_files_open_and_each_still_sees_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = |number: usize| dir.path().join(number.to_string());
    let before = open_files();
    let stores: Vec<_> = (0..1000)
        .map(|number| {
            fs::create_dir(path(number)).unwrap();
            fs::write(path(number).join("processes.json"), text(number % 7)).unwrap();
            Store::open(&path(number))
        })
        .collect();
    // By then all stamps are old.
    std::thread::sleep(Duration::from_millis(100));
    if RealFs.is_local(dir.path()) {
        for store in &stores {
            store.processes.read().unwrap();
            assert!(
                stores[0].processes.peek().is_some(),
                "what is asked for again and again is not given up"
            );
        }
        let current = stores.iter().filter(|store| store.processes.peek().is_some()).count();
        assert!((1..=300).contains(&current), "{current} are answered for, and few are open");
    }
    for round in 0..3 {
        for (number, store) in stores.iter().enumerate() {
            assert_eq!(id(&store.processes.read().unwrap()), format!("p{}", (number + round) % 7));
            assert!(open_files() <= before + 300, "{} more", open_files() - before);
            let change = text((number + round + 1) % 7);
            let (file, tmp) = (path(number).join("processes.json"), path(number).join("tmp"));
            if round == 1 {
                fs::write(&file, change).unwrap();
            } else {
                fs::write(&tmp, change).unwrap();
                fs::rename(&tmp, &file).unwrap();
            }
        }
    }
    drop(stores);
    assert!(open_files() <= before);
}

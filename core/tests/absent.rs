//! A file that is away for a moment is not an empty store, one that was deleted is, and a system whose answers make no
//! sense keeps no call busy for ever.

mod histories;
mod simulated;

use std::path::Path;

use file_process_store_core::{Error, WriteOptions};
use histories::trusted::{assert_truth, file, text, trusted};
use histories::{DIR, Start, Step, open};
use simulated::{Client, Failure, Op};

/// The numbers that Unix has for them.
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENODEV: i32 = 19;

const AWAY: &str = "/home/user/away.json";

/// Has another program put the file back at the store's `looks`-th next stat.
fn put_back_after(client: &Client, looks: usize) {
    let us = client.clone();
    client.interrupt_first(Op::Stat, move || {
        if looks > 1 {
            put_back_after(&us, looks - 1);
        } else {
            us.another().rename_file(Path::new(AWAY), file());
        }
    });
}

fn take_away(client: &Client) {
    client.another().rename_file(file(), Path::new(AWAY));
}

#[test]
fn a_file_that_is_taken_away_and_put_back_at_any_moment_of_a_commit_is_not_lost() {
    for step in [Step::Add, Step::Merge, Step::Remove] {
        let rename = {
            let (client, store) = trusted();
            Step::Replace.run(&store, 0).unwrap();
            client.calls();
            step.run(&store, 1).unwrap();
            client.calls().iter().position(|call| call.op == Op::Rename).unwrap()
        };
        for at in 0..rename {
            let (client, store) = trusted();
            Step::Replace.run(&store, 0).unwrap();
            client.calls();
            let us = client.clone();
            client.interrupt(at, move || {
                take_away(&us);
                put_back_after(&us, 3);
            });
            step.run(&store, 1).unwrap();
            client.calls();
            let content = store.processes.read().unwrap();
            assert_eq!(content.place(b"p1").is_some(), step != Step::Remove, "{step:?}, away at call {at}");
            assert_eq!(content.place(b"n1").is_some(), step == Step::Add, "{step:?}, away at call {at}");
        }
    }
}

#[test]
fn a_store_that_has_not_seen_the_file_knows_by_its_lock_file_that_there_was_one() {
    for read_first in [false, true] {
        let (client, store) = trusted();
        Step::Merge.run(&store, 1).unwrap();
        let fresh_client = client.another();
        let store = open(&fresh_client);
        take_away(&client);
        put_back_after(&fresh_client, 3);
        if read_first {
            assert_eq!(store.processes.read().unwrap().records().len(), 1);
        } else {
            Step::Add.run(&store, 2).unwrap();
        }
        fresh_client.calls();
        assert!(store.processes.read().unwrap().place(b"p1").is_some());
    }
}

#[test]
fn a_reader_that_may_not_wait_has_no_answer_while_the_file_is_away_and_one_that_may_sees_it_come_back() {
    let (client, store) = trusted();
    take_away(&client);
    assert!(store.processes.peek().is_none());
    put_back_after(&client, 3);
    assert_truth_when_back(&client, &store);
}

#[test]
fn a_reader_that_may_not_wait_has_no_answer_while_another_is_the_first_to_look_for_a_file_that_is_away() {
    let (client, store) = trusted();
    Step::Merge.run(&store, 1).unwrap();
    let fresh_client = client.another();
    let fresh = open(&fresh_client);
    take_away(&client);
    let (us, processes) = (fresh_client.clone(), fresh.processes.clone());
    fresh_client.interrupt_first(Op::Stat, move || {
        assert!(processes.peek().is_none(), "an empty store");
        put_back_after(&us, 3);
    });
    assert_eq!(fresh.processes.read().unwrap().records().len(), 1);
    fresh_client.calls();
}

fn assert_truth_when_back(client: &Client, store: &file_process_store_core::Store) {
    assert_eq!(store.processes.read().unwrap().records().len(), 1);
    client.calls();
    assert_truth(client, store);
}

#[test]
fn a_file_that_was_deleted_is_an_empty_store() {
    for with_directory in [false, true] {
        let (client, store) = trusted();
        Step::Add.run(&store, 1).unwrap();
        client.remove_file(file());
        if with_directory {
            client.rename_file(Path::new(DIR), Path::new("/home/user/trash"));
        }
        assert!(store.processes.read().unwrap().records().is_empty());
        Step::Add.run(&store, 2).unwrap();
        let content = store.processes.read().unwrap();
        assert!(content.place(b"n2").is_some() && content.records().len() == 1);
    }
}

#[test]
fn what_is_new_waits_for_nothing() {
    for start in [Start::NoDirectory, Start::EmptyDirectory] {
        let client = start.client();
        let store = open(&client);
        assert!(store.processes.read().unwrap().records().is_empty());
        Step::Nothing.run(&store, 1).unwrap();
        Step::Add.run(&store, 1).unwrap();
        let looks = |call: &&simulated::Call| call.op == Op::Stat && call.path == file();
        let looks = client.calls().iter().filter(looks).count();
        assert!(looks < 20, "{looks}");
    }
}

/// What is left at the path is the empty directory that the file system was mounted on.
#[test]
fn where_a_mount_has_gone_nothing_is_empty() {
    let (client, store) = trusted();
    Step::Add.run(&store, 1).unwrap();
    let kept = client.content(file()).unwrap();
    client.remove_file(file());
    client.world(|world| world.device += 1);
    let refused = |result: Result<(), Error>| {
        let Err(Error::System { os, reason, .. }) = &result else { panic!("{result:?}") };
        assert_eq!(*os, Some(ENODEV), "{reason}");
        assert!(reason.contains("unmounted"), "{reason}");
    };
    for _ in 0..2 {
        refused(store.processes.read().map(drop));
        refused(Step::Add.run(&store, 2));
        refused(Step::Merge.run(&store, 2));
        refused(store.processes.recover(WriteOptions::default()).map(drop));
        assert!(client.content(file()).is_none());
    }
    client.world(|world| world.device -= 1);
    client.write_in_place(file(), kept);
    Step::Add.run(&store, 3).unwrap();
    assert_eq!(store.processes.read().unwrap().records().len(), 3);
}

#[test]
fn a_directory_that_can_never_be_made_is_an_error() {
    let client = Start::NoDirectory.client();
    for parent_is_there in [false, true] {
        if parent_is_there {
            client.make_dirs(Path::new(DIR).parent().unwrap());
        }
        fail_every(&client, Op::CreateDir, ENOENT);
        let result = Step::Add.run(&open(&client), 1);
        assert!(matches!(result, Err(Error::System { syscall: "mkdir", .. })), "{result:?}");
        assert!(client.calls().len() < 200);
    }
    Step::Add.run(&open(&client), 1).unwrap();
}

/// Fails every call of a kind.
fn fail_every(client: &Client, op: Op, errno: i32) {
    client.fail_every(op, Failure::Errno(errno));
}

#[test]
fn a_file_that_can_be_seen_but_never_opened_is_an_error() {
    let (client, _) = trusted();
    let store = open(&client);
    fail_every(&client, Op::Open, ENOENT);
    for result in [store.processes.read().map(drop), Step::Add.run(&store, 1)] {
        assert!(matches!(result, Err(Error::System { syscall: "open", .. })), "{result:?}");
    }
    assert!(client.calls().len() < 500);
}

#[test]
fn a_recovery_that_finds_every_name_taken_is_an_error() {
    let (client, store) = trusted();
    Step::Replace.run(&store, 1).unwrap();
    client.write_in_place(file(), "[");
    fail_every(&client, Op::CreateNew, EEXIST);
    let result = store.processes.recover(WriteOptions::default());
    let Err(Error::System { syscall: "open", path, .. }) = &result else { panic!("{result:?}") };
    assert!(path.to_string_lossy().contains(".corrupt-"), "{result:?}");
}

#[test]
fn a_recovery_that_is_always_overtaken_is_an_error() {
    let (client, store) = trusted();
    client.write_in_place(file(), "[");
    damage_before_every_sync(&client, 1000);
    let result = store.processes.recover(WriteOptions { durable: true, ..WriteOptions::default() });
    assert!(matches!(result, Err(Error::System { syscall: "rename", .. })), "{result:?}");
}

fn damage_before_every_sync(client: &Client, times: usize) {
    let (us, other) = (client.clone(), client.another());
    client.interrupt_first(Op::SyncDir, move || {
        other.write_by_rename(file(), format!("[{}", " ".repeat(times)));
        if times > 1 {
            damage_before_every_sync(&us, times - 1);
        }
    });
}

#[test]
fn a_lock_that_is_lost_in_every_commit_is_an_error() {
    let (client, store) = trusted();
    lose_the_lock_before_every_write(&client, 1000);
    let result = Step::Add.run(&store, 1);
    assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
    client.calls();
    Step::Add.run(&store, 1).unwrap();
}

fn lose_the_lock_before_every_write(client: &Client, times: usize) {
    let (us, other) = (client.clone(), client.another());
    client.interrupt_first(Op::CreateNew, move || {
        other.remove_if_there(Path::new("/home/user/data/processes.json.lock"));
        if times > 1 {
            lose_the_lock_before_every_write(&us, times - 1);
        }
    });
}

/// What is read then is torn, and may be refused. The call ends.
#[test]
fn a_file_that_grows_with_every_read_is_read_to_some_end() {
    let (client, _) = trusted();
    let store = open(&client);
    grow_before_every_read(&client);
    let _ = store.processes.read();
    client.calls();
    client.write_in_place(file(), text(1));
    assert_truth(&client, &store);
}

fn grow_before_every_read(client: &Client) {
    let (us, other) = (client.clone(), client.another());
    client.interrupt_first(Op::Read, move || {
        other.write_in_place(file(), [other.content(file()).unwrap(), vec![b' '; 1 << 13]].concat());
        grow_before_every_read(&us);
    });
}

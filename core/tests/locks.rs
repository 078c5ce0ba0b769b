//! Writers of several processes exclude each other: nothing is lost between them, whoever waits is told in
//! time, and a lock file that somebody deletes splits nothing.

mod histories;
mod simulated;

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use file_process_store_core::fs::{File, FileSystem};
use file_process_store_core::{Batch, Error, WriteOptions};
use histories::{DIR, Start, Step, open, process, put};
use simulated::{Client, Failure, Op, Reach};

const LOCK: &str = "/home/user/data/processes.json.lock";

fn patient(milliseconds: u64) -> WriteOptions {
    WriteOptions { lock_timeout: Duration::from_millis(milliseconds), ..WriteOptions::default() }
}

/// Another process takes the lock and keeps it.
fn hold(client: &Client) -> Box<dyn File> {
    let fs = client.another();
    let lock = fs.open_lock(Path::new(LOCK)).or_else(|_| fs.create_new(Path::new(LOCK))).unwrap();
    assert!(lock.try_lock().unwrap());
    lock
}

#[test]
fn a_lock_that_is_held_too_long_is_an_error_that_names_it_and_the_time() {
    let client = Start::Filled.client();
    let store = open(&client);
    let held = hold(&client);
    for timeout in [0, 40] {
        match Step::Add.run_with(&store, 1, patient(timeout)) {
            Err(Error::Locked { path, waited }) => {
                assert_eq!(path, Path::new(LOCK));
                assert!(
                    waited >= Duration::from_millis(timeout) && waited < Duration::from_secs(5),
                    "{waited:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    // Readers wait for nobody, and the other file has a lock of its own.
    assert_eq!(store.processes.read().unwrap().records().len(), 2);
    Step::Register.run(&store, 1).unwrap();
    drop(held);
    Step::Add.run_with(&store, 1, patient(0)).unwrap();
}

#[test]
fn a_lock_that_is_freed_in_time_is_taken() {
    let client = Start::Filled.client();
    let held = hold(&client);
    let waiter = thread::spawn({
        let store = open(&client);
        move || Step::Add.run_with(&store, 1, patient(10_000))
    });
    thread::sleep(Duration::from_millis(30));
    drop(held);
    waiter.join().unwrap().unwrap();
    assert!(open(&client).processes.read().unwrap().place(b"n1").is_some());
}

#[test]
fn each_caller_waits_as_long_as_it_said() {
    let client = Start::Filled.client();
    let store = open(&client);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = hold(&client);
    let began = Instant::now();
    let answers = [20, 60, 10_000].map(|timeout| {
        let (answer, answered) = mpsc::channel();
        let text = process(&format!("n{timeout}"), "running", 1);
        let done = move |result| answer.send((result, began.elapsed())).unwrap();
        store.processes.submit(runtime.handle(), Batch::new(vec![put(&text)], patient(timeout), done));
        answered
    });
    for (answer, timeout) in answers.iter().zip([20, 60]) {
        let (result, waited) = answer.recv().unwrap();
        assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
        assert!(waited >= Duration::from_millis(timeout) && waited < Duration::from_secs(5), "{waited:?}");
    }
    drop(held);
    let (result, _) = answers[2].recv().unwrap();
    result.unwrap();
    let content = store.processes.read().unwrap();
    let there = [20, 60, 10_000].map(|timeout| content.place(format!("n{timeout}").as_bytes()).is_some());
    assert_eq!(there, [false, false, true], "what was rejected is not done later");
}

#[test]
fn stores_of_several_processes_lose_nothing() {
    let client = Start::NoDirectory.client();
    thread::scope(|scope| {
        for process in 0..4 {
            let store = open(&client.another());
            scope.spawn(move || {
                for turn in 0..25 {
                    Step::Add.run(&store, 100 * process + turn).unwrap();
                }
            });
        }
    });
    let content = open(&client).processes.read().unwrap();
    assert_eq!(content.records().len(), 100);
}

#[test]
fn while_one_writes_the_others_wait() {
    let calls = {
        let client = Start::Filled.client();
        Step::Add.run(&open(&client), 1).unwrap();
        client.calls()
    };
    let position = |op| calls.iter().position(|call| call.op == op).unwrap();
    for at in position(Op::TryLock) + 1..=position(Op::Rename) {
        let client = Start::Filled.client();
        let other = open(&client.another());
        let (answer, answered) = mpsc::channel();
        client.interrupt(at, move || answer.send(Step::Add.run_with(&other, 2, patient(0))).unwrap());
        Step::Add.run(&open(&client), 1).unwrap();
        let result = answered.recv().unwrap();
        assert!(matches!(result, Err(Error::Locked { .. })), "before call {at}: {result:?}");
    }
}

/// A holds the lock, somebody deletes its file, B locks a new one: the interleavings of the two commits, with B
/// pausing at each of its calls until A is done or has waited for a while.
#[test]
fn a_lock_file_that_is_deleted_while_it_is_held_does_not_split_the_lock() {
    let mut tried = 0;
    for start in [Start::EmptyDirectory, Start::Filled] {
        let calls = {
            let client = start.client();
            Step::Add.run(&open(&client), 1).unwrap();
            client.calls().len()
        };
        for at in 0..calls {
            for pause in 0..calls {
                both_writes_are_kept(start, at, pause);
                tried += 1;
            }
        }
    }
    println!("{tried} interleavings");
}

fn both_writes_are_kept(start: Start, at: usize, pause: usize) {
    let (a, b) = {
        let client = start.client();
        (client.clone(), client.another())
    };
    let (a_is_done, done) = mpsc::channel::<()>();
    let (b_pauses, paused) = mpsc::channel::<()>();
    let deleter = b.another();
    b.interrupt(pause, move || {
        // A second deletion, so that each may lose the lock to the other.
        deleter.remove_if_there(Path::new(LOCK));
        drop(b_pauses);
        let _ = done.recv_timeout(Duration::from_millis(3));
    });
    let writer = Arc::new(Mutex::new(None));
    let (started, deleter) = (writer.clone(), a.another());
    a.interrupt(at, move || {
        deleter.remove_if_there(Path::new(LOCK));
        *started.lock().unwrap() = Some(thread::spawn(move || {
            let result = Step::Add.run(&open(&b), 2);
            b.calls(); // Where B never came to its pause, A is to go on now.
            result
        }));
        let _ = paused.recv();
    });
    Step::Add.run(&open(&a), 1).unwrap();
    drop(a_is_done);
    writer.lock().unwrap().take().expect("B has run").join().unwrap().unwrap();
    let content = open(&a).processes.read().unwrap();
    for id in [b"n1", b"n2"] {
        let id = &id[..];
        assert!(
            content.place(id).is_some(),
            "{start:?}: deleted before call {at}, B paused before call {pause}"
        );
    }
}

#[test]
fn a_lock_that_never_stays_at_its_path_is_given_up_in_time() {
    let client = Start::Filled.client();
    client.world(|world| world.numbers_drift = true);
    let result = Step::Add.run_with(&open(&client), 1, patient(20));
    assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
}

#[test]
fn a_planted_link_in_place_of_the_lock_file_is_not_followed() {
    let client = Start::Filled.client();
    client.link(Path::new(LOCK), Path::new("/home/victim"));
    let result = Step::Add.run(&open(&client), 1);
    assert!(matches!(result, Err(Error::System { syscall: "open", .. })), "{result:?}");
    assert_eq!(client.names_in(Path::new("/home")), ["user"]);
}

/// A panic in the middle of a commit is as good as a killed process, except that the others of this process go on.
#[test]
fn a_panic_rejects_its_batch_and_later_calls_work() {
    let mut tried = 0;
    for start in Start::ALL {
        for step in [Step::Add, Step::Merge, Step::Register] {
            for at in 0.. {
                let client = start.client();
                let store = open(&client);
                client.fail(at, Failure::Kill, Reach::Once);
                let result = step.run(&store, 1);
                if client.calls().len() <= at {
                    result.unwrap();
                    break;
                }
                assert!(matches!(result, Err(Error::Internal(_))), "{start:?} {step:?} {at}: {result:?}");
                Step::Add.run(&store, 2).unwrap();
                Step::Register.run(&store, 2).unwrap();
                assert!(store.processes.read().unwrap().place(b"n2").is_some());
                let left = client.names_in(Path::new(DIR)).into_iter().filter(|name| name.contains(".json."));
                assert!(left.into_iter().all(|name| name.ends_with(".lock") || name == "processes.json.tmp"));
                tried += 1;
            }
        }
    }
    println!("{tried} faults");
}

#[test]
fn a_panic_while_reading_rejects_the_read_alone() {
    for at in 0..6 {
        let client = Start::Filled.client();
        let store = open(&client);
        client.fail(at, Failure::Kill, Reach::Once);
        assert!(matches!(store.processes.read(), Err(Error::Internal(_))), "{at}");
        client.calls();
        assert_eq!(store.processes.read().unwrap().records().len(), 2);
    }
}

#[test]
fn the_lock_file_is_never_removed_by_the_store() {
    let client = Start::NoDirectory.client();
    let store = open(&client);
    for (turn, step) in Step::ALL.into_iter().enumerate() {
        step.run(&store, turn).unwrap();
    }
    let removed: Vec<_> = client.calls().into_iter().filter(|call| call.op == Op::Remove).collect();
    assert!(removed.is_empty(), "{removed:?}");
    assert!(client.content(Path::new(LOCK)).is_some());
}

/// How many threads have begun to wait for a lock.
fn waiting_threads(client: &Client) -> usize {
    client.calls().iter().filter(|call| call.op == Op::Lock).count()
}

#[test]
fn one_thread_waits_for_a_lock_however_many_want_it_and_give_up() {
    let client = Start::Filled.client();
    let store = open(&client);
    let held = hold(&client);
    thread::scope(|scope| {
        let store = &store;
        for turn in 0..10 {
            scope.spawn(move || {
                let result = Step::Add.run_with(store, turn, patient(20));
                assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
                let result = store.processes.recover(patient(20));
                assert!(matches!(result, Err(Error::Locked { .. })), "{result:?}");
            });
        }
    });
    Step::Add.run_with(&store, 0, patient(0)).unwrap_err();
    assert!(waiting_threads(&client) <= 1);
    drop(held);
    // What the thread gets now nobody wants: others have it as soon as it is free again.
    Step::Add.run_with(&open(&client.another()), 1, patient(60_000)).unwrap();
    Step::Add.run_with(&store, 2, patient(60_000)).unwrap();
}

#[test]
fn whoever_has_no_time_to_wait_has_no_thread_wait() {
    let client = Start::Filled.client();
    let _held = hold(&client);
    Step::Add.run_with(&open(&client), 1, patient(0)).unwrap_err();
    assert_eq!(waiting_threads(&client), 0);
}

#[test]
fn all_of_one_process_who_want_a_lock_get_it_when_it_is_free() {
    let client = Start::Filled.client();
    let store = open(&client);
    let held = hold(&client);
    thread::scope(|scope| {
        for turn in 0..4 {
            let store = &store;
            scope.spawn(move || Step::Add.run_with(store, turn, patient(60_000)).unwrap());
            scope.spawn(move || assert!(store.processes.recover(patient(60_000)).unwrap().backup.is_none()));
        }
        thread::sleep(Duration::from_millis(50));
        drop(held);
    });
    assert_eq!(store.processes.read().unwrap().records().len(), 6);
}

/// People delete the lock file because its holder hangs, and they mean those who wait already as well.
#[test]
fn who_waits_at_a_lock_file_that_is_deleted_goes_on_with_the_new_one() {
    let client = Start::Filled.client();
    let hanging = hold(&client);
    let store = open(&client);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| Step::Add.run_with(&store, 1, patient(60_000)));
        thread::sleep(Duration::from_millis(50));
        client.remove_file(Path::new(LOCK));
        waiter.join().unwrap().unwrap();
    });
    // The thread waits at the old file still, and a new one is waited for without it.
    let held = hold(&client);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| Step::Add.run_with(&store, 2, patient(60_000)));
        thread::sleep(Duration::from_millis(50));
        drop(held);
        waiter.join().unwrap().unwrap();
    });
    assert!(waiting_threads(&client) <= 1);
    drop(hanging);
    Step::Add.run_with(&store, 3, patient(60_000)).unwrap();
}

#[test]
fn a_file_that_is_linked_elsewhere_meanwhile_is_written_where_it_is_now() {
    let client = Start::Filled.client();
    let store = open(&client);
    let held = hold(&client);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| Step::Add.run_with(&store, 1, patient(60_000)));
        thread::sleep(Duration::from_millis(50));
        let file = Path::new("/home/user/data/processes.json");
        let elsewhere = Path::new("/home/user/elsewhere.json");
        client.rename_file(file, elsewhere);
        client.link(file, elsewhere);
        drop(held);
        waiter.join().unwrap().unwrap();
        assert_eq!(store.processes.read().unwrap().records().len(), 3);
        assert!(client.names_in(Path::new("/home/user")).contains(&"elsewhere.json.lock".to_owned()));
    });
}

#[test]
fn a_wait_that_fails_is_the_systems_error() {
    let client = Start::Filled.client();
    let store = open(&client);
    let _held = hold(&client);
    let calls = {
        Step::Add.run_with(&store, 1, patient(0)).unwrap_err();
        client.calls()
    };
    // One stat more tells which file it is; the wait comes next.
    client.fail(calls.len() + 1, Failure::Errno(37), Reach::Once);
    let result = Step::Add.run_with(&store, 1, patient(60_000));
    assert!(matches!(result, Err(Error::System { syscall: "flock", os: Some(37), .. })), "{result:?}");
}

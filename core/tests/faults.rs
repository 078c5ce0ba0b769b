//! Every call may fail, once or for good: the caller learns what the system said, nothing changes, and the next
//! call works when the fault is gone.

#![cfg(unix)] // The numbers of the errors are those of Unix.

mod histories;
mod simulated;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use file_process_store_core::{Error, WriteOptions};
use histories::{Checker, DIR, Ledger, PROCESSES, Start, Step, WORKSPACES, open};
use simulated::{Call, Client, Failure, Op, Reach};

const EPERM: i32 = 1;
const EINTR: i32 = 4;
const EIO: i32 = 5;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENOSPC: i32 = 28;
const ERRORS: [i32; 6] = [EPERM, EINTR, EIO, EACCES, EBUSY, ENOSPC];
/// Those that a rename is tried again for: others may have the file open for a moment.
const TRANSIENT: [i32; 4] = [EPERM, EINTR, EACCES, EBUSY];
const STEPS: [Step; 6] =
    [Step::Add, Step::Merge, Step::Remove, Step::Nothing, Step::Register, Step::Unregister];

fn failures() -> impl Iterator<Item = Failure> {
    ERRORS.map(Failure::Errno).into_iter().chain([Failure::Short])
}

/// A call of the store on a disk, and when it goes wrong.
#[derive(Clone, Copy, Debug)]
struct Case {
    start: Start,
    step: Step,
    /// Whether the store has read the files before.
    warm: bool,
    at: usize,
    failure: Failure,
    reach: Reach,
}

impl Case {
    fn run(self, failure: Option<Failure>) -> (Client, Result<(), Error>) {
        let client = self.start.client();
        let store = open(&client);
        if self.warm {
            store.processes.read().unwrap();
            store.workspaces.read().unwrap();
        }
        client.calls();
        if let Some(failure) = failure {
            client.fail(self.at, failure, self.reach);
        }
        let result = self.step.run(&store, 1);
        (client, result)
    }

    /// Whether the rename is tried again until patience ends, which takes real time.
    fn is_slow(self, op: Op) -> bool {
        op == Op::Rename
            && self.reach != Reach::Once
            && matches!(self.failure, Failure::Errno(number) if TRANSIENT.contains(&number))
    }

    /// `unharmed` is what the step makes of the disk where nothing fails.
    fn check(self, unharmed: &Client, checker: &mut Checker) {
        let start = self.start.client();
        let (client, result) = self.run(Some(self.failure));
        let calls = client.calls();
        assert!(calls.len() > self.at, "{self:?} never made the call");
        let before = Ledger::new(&start, self.start);
        let mut after = before.clone();
        after.saw(&client);
        let files = [self.start.processes(), WORKSPACES.into()];
        let modes = |client: &Client| files.each_ref().map(|path| client.mode(path));
        match &result {
            Ok(()) => {
                let contents = |client: &Client| files.each_ref().map(|path| client.content(path));
                assert_eq!(contents(&client), contents(unharmed), "{self:?}");
                self.check_modes(&modes(&client), &modes(unharmed), &calls);
                after.acknowledge(&before);
            }
            Err(error) => {
                self.check_error(error, &calls);
                let visible = !after.agrees_with(&before);
                assert_eq!(error.is_committed(), visible, "{self:?}: {error:?}");
                let expected = modes(if visible { unharmed } else { &start });
                self.check_modes(&modes(&client), &expected, &calls);
            }
        }
        if result.is_ok() || !after.agrees_with(&before) {
            // What was acknowledged in spite of a fault has to survive a power loss all the same.
            let world = client.world(|world| world.clone());
            checker.check(&world, &after).unwrap_or_else(|found| panic!("{self:?}: {found:?}"));
        }
        check_syncs(&calls, self);
        self.check_recovery(&client);
    }

    /// Where the system refuses to set a mode, a narrower one will do.
    fn check_modes(self, modes: &[Option<u32>], expected: &[Option<u32>], calls: &[Call]) {
        let is_refused = matches!(self.failure, Failure::Errno(EPERM | EACCES))
            && calls[self.at..].iter().any(|call| call.op == Op::SetMode);
        for (mode, expected) in modes.iter().zip(expected) {
            let is_narrower = mode.zip(*expected).is_some_and(|(mode, expected)| mode & !expected == 0);
            assert!(mode == expected || is_refused && is_narrower, "{self:?}: {modes:?}, {expected:?}");
        }
    }

    fn check_error(self, error: &Error, calls: &[Call]) {
        let Error::System { path, kind, os, reason, syscall, .. } = error else {
            // A file that is always shorter than the system says is taken for a damaged one.
            let short_reads = matches!(self.failure, Failure::Short) && self.reach != Reach::Once;
            assert!(short_reads && matches!(error, Error::Corrupt { .. }), "{self:?}: {error:?}");
            return;
        };
        let expected = match self.failure {
            Failure::Errno(number) => io::Error::from_raw_os_error(number),
            _ => io::ErrorKind::WriteZero.into(),
        };
        assert_eq!((*kind, *os), (expected.kind(), expected.raw_os_error()), "{self:?}");
        assert!(expected.to_string().starts_with(reason.as_str()), "{self:?}: {reason}");
        assert!(!syscall.is_empty());
        assert!(calls.iter().any(|call| call.path == *path), "{self:?}: no call was about {path:?}");
    }

    /// The fault is gone: the same store and another process work, and no temporary file stays.
    fn check_recovery(self, client: &Client) {
        let store = open(client);
        self.step.run(&store, 2).unwrap_or_else(|error| panic!("{self:?}, healed: {error}"));
        let other = open(&client.another());
        Step::Add.run(&other, 3).unwrap();
        Step::Register.run(&other, 3).unwrap();
        let content = store.processes.read().unwrap();
        assert!(content.place(b"n3").is_some(), "{self:?}");
        assert_eq!(content.place(b"n2").is_some(), self.step == Step::Add, "{self:?}");
        let dir = self.start.processes();
        for dir in [Path::new(DIR), dir.parent().unwrap()] {
            let left = client
                .names_in(dir)
                .into_iter()
                .find(|name| name.ends_with(".tmp") && name.matches('.').count() > 2);
            assert_eq!(left, None, "{self:?}");
        }
    }
}

/// The number of a client's first call of a kind.
fn first(op: Op, client: &Client) -> usize {
    client.calls().iter().position(|call| call.op == op).unwrap()
}

/// After a failed sync the kernel has forgotten what was not written: a second one on the same file would lie.
fn check_syncs(calls: &[Call], case: Case) {
    let syncs: Vec<_> = calls.iter().filter(|call| call.op == Op::Sync).map(|call| call.id).collect();
    for (place, id) in syncs.iter().enumerate() {
        assert!(!syncs[..place].contains(id), "{case:?}: the same file was synced twice");
    }
}

fn every_fault_is_survived(start: Start) {
    let mut checker = Checker::default();
    let mut tried = 0;
    for step in STEPS {
        // Where there is nothing to read, a store that has read knows nothing more.
        let has_files = !matches!(start, Start::NoDirectory | Start::EmptyDirectory);
        for &warm in if has_files { &[false, true][..] } else { &[false] } {
            let case = Case { start, step, warm, at: 0, failure: Failure::Short, reach: Reach::Once };
            let (unharmed, _) = case.run(None);
            for (at, call) in unharmed.calls().iter().enumerate() {
                for failure in failures() {
                    for reach in [Reach::Once, Reach::Kind, Reach::All] {
                        let case = Case { at, failure, reach, ..case };
                        let harmless =
                            matches!(failure, Failure::Short) && !matches!(call.op, Op::Write | Op::Read);
                        if !harmless && !case.is_slow(call.op) {
                            case.check(&unharmed, &mut checker);
                            tried += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{start:?}: {tried} faults");
}

#[test]
fn faults_while_the_directory_is_being_made_are_survived() {
    every_fault_is_survived(Start::NoDirectory);
}

#[test]
fn faults_while_the_first_files_are_being_written_are_survived() {
    every_fault_is_survived(Start::EmptyDirectory);
}

#[test]
fn faults_on_filled_files_are_survived() {
    every_fault_is_survived(Start::Filled);
}

#[test]
fn faults_beside_what_dead_writers_left_are_survived() {
    every_fault_is_survived(Start::WithLeftovers);
}

#[test]
fn faults_on_a_linked_file_are_survived() {
    every_fault_is_survived(Start::Linked);
}

#[test]
fn a_rename_that_is_refused_for_good_is_given_up_within_seconds() {
    std::thread::scope(|scope| {
        for number in TRANSIENT {
            for reach in [Reach::Kind, Reach::All] {
                for (start, step) in [
                    (Start::NoDirectory, Step::Add),
                    (Start::Filled, Step::Merge),
                    (Start::Linked, Step::Remove),
                ] {
                    scope.spawn(move || {
                        let failure = Failure::Errno(number);
                        let case = Case { start, step, warm: false, at: 0, failure, reach };
                        let (unharmed, _) = case.run(None);
                        let at = first(Op::Rename, &unharmed);
                        let began = Instant::now();
                        Case { at, ..case }.check(&unharmed, &mut Checker::default());
                        assert!(began.elapsed() < Duration::from_secs(5));
                    });
                }
            }
        }
    });
}

#[test]
fn a_rename_that_is_refused_for_a_moment_is_tried_again() {
    for number in TRANSIENT {
        let failure = Failure::Errno(number);
        let case =
            Case { start: Start::Filled, step: Step::Add, warm: true, at: 0, failure, reach: Reach::Once };
        let at = first(Op::Rename, &case.run(None).0);
        let (client, result) = Case { at, ..case }.run(Some(failure));
        result.unwrap();
        assert_eq!(client.calls().iter().filter(|call| call.op == Op::Rename).count(), 2);
    }
}

#[test]
fn a_temporary_file_that_could_not_be_removed_goes_with_the_next_commit() {
    for op in [Op::Write, Op::Sync] {
        let failure = Failure::Errno(EIO);
        let case =
            Case { start: Start::Filled, step: Step::Add, warm: true, at: 0, failure, reach: Reach::All };
        let at = first(op, &case.run(None).0);
        let (client, result) = Case { at, ..case }.run(Some(failure));
        assert!(matches!(result, Err(Error::System { syscall: "write" | "fsync", .. })), "{result:?}");
        client.calls();
        let left =
            || client.names_in(Path::new(DIR)).into_iter().filter(|name| name.ends_with(".tmp")).count();
        assert_eq!(left(), 1, "the removal has failed, too");
        // A call that has nothing to write sweeps as well.
        let next = if op == Op::Write { Step::Add } else { Step::Nothing };
        next.run(&open(&client.another()), 2).unwrap();
        assert_eq!(left(), 0);
    }
}

#[test]
fn a_read_that_fails_says_why_and_the_next_one_works() {
    let mut tried = 0;
    for start in Start::ALL {
        let calls = {
            let client = start.client();
            open(&client).processes.read().unwrap();
            client.calls().len()
        };
        for at in 0..calls {
            for failure in failures() {
                for reach in [Reach::Once, Reach::Kind, Reach::All] {
                    let client = start.client();
                    let untouched = Ledger::new(&client, start);
                    let store = open(&client);
                    client.fail(at, failure, reach);
                    let read = store.processes.read();
                    let calls = client.calls();
                    let truth = open(&client.another()).processes.read().unwrap();
                    let ids = |content: &file_process_store_core::Content<_>| content.records().len();
                    match read {
                        Ok(content) => assert_eq!(ids(&content), ids(&truth)),
                        Err(error) => {
                            Case { start, step: Step::Nothing, warm: false, at, failure, reach }
                                .check_error(&error, &calls);
                        }
                    }
                    assert_eq!(ids(&store.processes.read().unwrap()), ids(&truth));
                    let mut now = untouched.clone();
                    now.saw(&client);
                    assert!(now.agrees_with(&untouched));
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} faults");
}

/// On a disk that is read-only, and for users who may read but not write.
#[test]
fn what_changes_nothing_is_not_refused_where_nothing_can_be_written() {
    const EROFS: i32 = 30;
    for number in [EROFS, EACCES] {
        let client = Start::Filled.client();
        let store = open(&client);
        client.fail_every(Op::OpenLock, Failure::Errno(number));
        assert_eq!(Step::Nothing.run(&store, 1), Ok(()));
        for step in [Step::Add, Step::Merge, Step::Remove, Step::Clear, Step::Register] {
            let Err(Error::System { os, .. }) = step.run(&store, 1) else {
                panic!("{step:?} was not refused")
            };
            assert_eq!(os, Some(number), "{step:?}");
        }
        let recovered = store.processes.recover(WriteOptions::default()).unwrap();
        assert_eq!((recovered.kept, recovered.backup), (2, None));
        client.calls();
        client.write_in_place(Path::new(PROCESSES), "[");
        client.fail_every(Op::OpenLock, Failure::Errno(number));
        let refused = store.processes.recover(WriteOptions::default()).unwrap_err();
        assert!(matches!(refused, Error::System { os, .. } if os == Some(number)), "{refused:?}");
    }
}

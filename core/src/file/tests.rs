use super::*;
use std::time::Duration;

use crate::fs::RealFs;
use crate::records::Patch;
use crate::records::item::Item;
use crate::records::process::Process;

fn process(id: &str) -> String {
    format!(r#"{{"id":"{id}","status":"running","startTime":"2026-01-01T00:00:00.000Z"}}"#)
}

fn put(id: &str) -> Mutation<Process> {
    Mutation::put(&process(id), None)
}

fn open(dir: &Path) -> Arc<DataFile<Process>> {
    Arc::new(DataFile::new(Arc::new(RealFs), dir.join("processes.json")))
}

fn ids(file: &DataFile<Process>) -> Vec<String> {
    let content = file.read().unwrap();
    content.records().iter().map(|record| String::from_utf8(record.id().to_vec()).unwrap()).collect()
}

/// A runtime whose threads run what is submitted. Nothing else runs on it.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn batches_are_applied_in_the_order_of_the_calls() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    let runtime = runtime();
    let (sender, told) = mpsc::channel();
    for number in 0..200 {
        let sender = sender.clone();
        let done = move |receipt: Result<Receipt<Process>, Error>| {
            assert!(receipt.unwrap().results.iter().all(Result::is_ok));
            sender.send(number).unwrap();
        };
        let batch = Batch::new(vec![put(&format!("p{number}"))], WriteOptions::default(), done);
        file.submit(runtime.handle(), batch);
    }
    let order: Vec<i32> = told.iter().take(200).collect();
    assert_eq!(order, (0..200).collect::<Vec<_>>());
    assert_eq!(ids(&file), (0..200).map(|number| format!("p{number}")).collect::<Vec<_>>());
}

#[test]
fn what_is_queued_while_one_commit_runs_shares_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    let runtime = runtime();
    let (sender, told) = mpsc::channel();
    let batch = |id: String| {
        let sender = sender.clone();
        let done =
            move |receipt: Result<Receipt<Process>, Error>| sender.send(receipt.unwrap().commit).unwrap();
        Batch::new(vec![put(&id)], WriteOptions::default(), done)
    };
    // Nobody has to be quick here: the first callback holds the writer up until the others are queued.
    let (queued, all_queued) = mpsc::channel::<()>();
    let held = Batch::new(vec![put("first")], WriteOptions::default(), move |_| all_queued.recv().unwrap());
    file.submit(runtime.handle(), held);
    for number in 0..100 {
        file.submit(runtime.handle(), batch(format!("p{number}")));
    }
    queued.send(()).unwrap();
    let commits: Vec<CommitStats> = told.iter().take(100).collect();
    let largest = commits.iter().map(|commit| commit.operations).max().unwrap();
    assert!(largest >= 50, "the hundred took commits of at most {largest}");
}

#[test]
fn a_mutation_that_is_refused_rejects_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    let bad = Mutation::Merge {
        id: b"a".to_vec(),
        patch: Patch { text: r#"{"id":"b"}"#.into(), names: vec![b"id".to_vec()] },
    };
    let worse = Mutation::put("{}", None);
    let receipt = file.apply(vec![put("a"), bad, worse, put("c")], WriteOptions::default()).unwrap();
    let ok: Vec<bool> = receipt.results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, false, true]);
    assert_eq!(ids(&file), ["a", "c"]);
}

#[test]
fn a_callback_that_panics_keeps_nobody_else_from_being_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    let runtime = runtime();
    let (sender, told) = mpsc::channel();
    for broken in [true, false, true, false] {
        let sender = sender.clone();
        let done = move |receipt: Result<Receipt<Process>, Error>| {
            if broken {
                std::panic::resume_unwind(Box::new("a broken caller"));
            }
            sender.send(receipt.is_ok()).unwrap();
        };
        file.submit(runtime.handle(), Batch::new(vec![put("p")], WriteOptions::default(), done));
    }
    for _ in 0..2 {
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
    }
    // The damaged file rejects the whole group, and again one of its callbacks panics.
    std::fs::write(file.path(), "[").unwrap();
    let broken =
        Batch::new(vec![put("q")], WriteOptions::default(), |_| std::panic::resume_unwind(Box::new("again")));
    file.submit(runtime.handle(), broken);
    std::fs::write(file.path(), "[]").unwrap();
    let (sender, told) = mpsc::channel();
    let done = move |receipt: Result<Receipt<Process>, Error>| sender.send(receipt.is_ok()).unwrap();
    file.submit(runtime.handle(), Batch::new(vec![put("r")], WriteOptions::default(), done));
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
}

#[test]
fn a_batch_for_which_the_system_has_no_thread_is_rejected_and_the_next_one_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    // No address space is as large as this stack.
    let refusing = tokio::runtime::Builder::new_current_thread().thread_stack_size(1 << 48).build().unwrap();
    let (sender, told) = mpsc::channel();
    for (runtime, id) in [(&refusing, "p1"), (&refusing, "p2"), (&runtime(), "p3")] {
        let sender = sender.clone();
        let done = move |receipt: Result<Receipt<Process>, Error>| sender.send(receipt.is_ok()).unwrap();
        file.submit(runtime.handle(), Batch::new(vec![put(id)], WriteOptions::default(), done));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(id == "p3"));
    }
    assert_eq!(ids(&file), ["p3"]);
}

#[test]
fn two_files_objects_on_one_path_see_each_others_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path()), open(dir.path()));
    for number in 0..10 {
        let (writer, reader) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        writer.apply(vec![put(&format!("p{number}"))], WriteOptions::default()).unwrap();
        assert_eq!(ids(reader).len(), number + 1);
    }
}

#[test]
fn a_file_that_has_been_left_alone_is_answered_for_by_a_stat() {
    let dir = tempfile::tempdir().unwrap();
    let file = open(dir.path());
    file.apply(vec![put("a")], WriteOptions::default()).unwrap();
    std::thread::sleep(Duration::from_millis(80));
    let read = file.read().unwrap();
    if file.state.local.load(Ordering::Relaxed) {
        assert!(Arc::ptr_eq(&read, &file.peek().unwrap()));
    }
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn new_files_and_directories_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        let file = open(&deep);
        file.apply(vec![put("a")], WriteOptions::default()).unwrap();
        assert_eq!([mode(&dir.path().join("a")), mode(&deep)], [0o700, 0o700]);
        assert_eq!([mode(file.path()), mode(&path_for(file.path()))], [0o600, 0o600]);
    }

    #[test]
    fn an_existing_mode_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(dir.path());
        for kept in [0o644, 0o640, 0o600] {
            fs::write(file.path(), "[]").unwrap();
            fs::set_permissions(file.path(), Permissions::from_mode(kept)).unwrap();
            file.apply(vec![put("a")], WriteOptions::default()).unwrap();
            assert_eq!(mode(file.path()), kept);
        }
    }

    #[test]
    fn a_linked_file_keeps_its_link_and_its_targets_directory_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        fs::create_dir(&there).unwrap();
        let file = open(dir.path());
        // A dangling link: the file that it names is made.
        symlink("there/all.json", file.path()).unwrap();
        file.apply(vec![put("a")], WriteOptions::default()).unwrap();
        file.apply(vec![put("b")], WriteOptions::default()).unwrap();
        assert!(fs::symlink_metadata(file.path()).unwrap().is_symlink());
        let mut names: Vec<_> =
            fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["all.json", "all.json.lock"]);
        assert_eq!(ids(&file), ["a", "b"]);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(dir.path());
        let refused = |file: &DataFile<Process>| {
            let read = file.read().map(drop);
            let written = file.apply(vec![put("a")], WriteOptions::default()).map(drop);
            for result in [read, written] {
                assert!(matches!(result, Err(Error::Corrupt { line: 1, column: 1, .. })), "{result:?}");
            }
        };
        fs::create_dir(file.path()).unwrap();
        refused(&file);
        fs::remove_dir(file.path()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(file.path()).status().unwrap().success());
        refused(&file);
        fs::remove_file(file.path()).unwrap();
        symlink("/dev/null", file.path()).unwrap();
        refused(&file);
        fs::remove_file(file.path()).unwrap();
        file.apply(vec![put("a")], WriteOptions::default()).unwrap();
    }

    #[test]
    fn a_directory_that_is_none_is_the_systems_error_and_work_resumes_when_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::write(&data, "in the way").unwrap();
        let file = open(&data);
        let errors = [
            file.read().map(drop).unwrap_err(),
            file.apply(vec![put("a")], WriteOptions::default()).map(drop).unwrap_err(),
        ];
        for error in errors {
            let Error::System { kind, path, .. } = &error else { panic!("{error:?}") };
            assert_eq!(*kind, std::io::ErrorKind::NotADirectory, "{error}");
            assert!(path.starts_with(&data));
        }
        fs::remove_file(&data).unwrap();
        file.apply(vec![put("a")], WriteOptions::default()).unwrap();
        fs::remove_dir_all(&data).unwrap();
        assert!(ids(&file).is_empty(), "a directory that was deleted is an empty store");
        file.apply(vec![put("b")], WriteOptions::default()).unwrap();
        assert_eq!(ids(&file), ["b"]);
    }
}

#[test]
fn workspaces_take_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let file: DataFile<Item> = DataFile::new(Arc::new(RealFs), dir.path().join("workspaces.json"));
    let put = |text| Mutation::put(text, None);
    file.apply(
        vec![put(r#"{"id":"w1","name":"A"}"#), put(r#"{"id":"w2"}"#), put(r#"{"id":"w1","name":"B"}"#)],
        WriteOptions::default(),
    )
    .unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(
        text,
        "[\n  {\n    \"id\": \"w1\",\n    \"name\": \"B\"\n  },\n  {\n    \"id\": \"w2\"\n  }\n]"
    );
}

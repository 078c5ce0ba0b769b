use super::*;
use crate::file::batch::WriteOptions;
use crate::records::draft::Mutation;

#[test]
fn all_who_open_a_directory_share_one_store_until_the_last_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let one = Store::open(dir.path());
    let other = std::thread::scope(|scope| scope.spawn(|| Store::open(dir.path())).join().unwrap());
    assert!(Arc::ptr_eq(&one, &other));
    let elsewhere = Store::open(&dir.path().join("elsewhere"));
    assert!(!Arc::ptr_eq(&one, &elsewhere));
    let old = Arc::downgrade(&one);
    drop((one, other));
    assert!(old.upgrade().is_none(), "nothing keeps a store that nobody uses");
    Store::open(dir.path());
}

#[test]
fn opening_a_store_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("data"));
    assert!(store.processes.read().unwrap().records().is_empty());
    assert!(store.workspaces.read().unwrap().records().is_empty());
    assert!(!dir.path().join("data").exists());
}

#[test]
fn each_kind_of_record_has_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let put = |text| Mutation::put(text, None);
    store.workspaces.apply(vec![put(r#"{"id":"w"}"#)], WriteOptions::default()).unwrap();
    store.wikis.apply(vec![put(r#"{"id":"k"}"#)], WriteOptions::default()).unwrap();
    let process = r#"{"id":"p","status":"running","startTime":"2026-01-01T00:00:00.000Z"}"#;
    store.processes.apply(vec![Mutation::put(process, None)], WriteOptions::default()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let files = ["processes.json", "wikis.json", "workspaces.json"];
    let expected: Vec<String> =
        files.iter().flat_map(|name| [name.to_string(), format!("{name}.lock")]).collect();
    assert_eq!(names, expected);
}

#[test]
fn the_default_directory_is_in_the_home_directory() {
    let dir = default_data_dir().expect("somebody runs this test");
    assert!(dir.is_absolute() && dir.ends_with(".pipeline-server"));
}

#[test]
fn a_data_directory_is_made_with_its_parents_and_found_the_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    for _ in 0..2 {
        ensure_data_dir(&deep).unwrap();
        assert!(deep.is_dir());
    }
}

#[test]
fn a_file_in_the_way_of_a_data_directory_is_the_systems_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for (path, kind) in [
        (file.clone(), std::io::ErrorKind::AlreadyExists),
        (file.join("below"), std::io::ErrorKind::NotADirectory),
    ] {
        match ensure_data_dir(&path) {
            Err(Error::System { syscall: "mkdir", path: named, kind: found, .. }) => {
                assert_eq!((named, found), (path, kind));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

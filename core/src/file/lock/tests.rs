use super::*;
use crate::fs::RealFs;

fn try_acquire(path: &Path) -> Option<Lock> {
    match Lock::try_acquire(&RealFs, &path.with_extension("")).unwrap() {
        Attempt::Held(lock) => Some(lock),
        Attempt::Busy(_) | Attempt::Gone => None,
    }
}

#[test]
fn a_held_lock_is_not_given_twice_and_is_free_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = path_for(&dir.path().join("processes.json"));
    assert!(path.ends_with("processes.json.lock"));
    let held = try_acquire(&path).expect("nobody else is here");
    assert!(held.is_at_its_path(&RealFs).unwrap());
    assert!(try_acquire(&path).is_none());
    drop(held);
    assert!(try_acquire(&path).is_some());
    assert!(path.exists(), "the file stays for the next one");
}

#[test]
fn a_lock_without_a_directory_is_the_systems_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/processes.json.lock");
    let error = Lock::try_acquire(&RealFs, &path.with_extension("")).unwrap_err();
    assert!(matches!(error, Error::System { syscall: "open", kind: ErrorKind::NotFound, .. }), "{error:?}");
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_lock_file_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.lock");
        let _held = try_acquire(&path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn whoever_holds_a_deleted_lock_file_can_tell() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.lock");
        let old = try_acquire(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!old.is_at_its_path(&RealFs).unwrap());
        let new = try_acquire(&path).expect("the new file has a lock of its own");
        assert!(!old.is_at_its_path(&RealFs).unwrap());
        assert!(new.is_at_its_path(&RealFs).unwrap());
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.lock");
        symlink(dir.path().join("victim"), &path).unwrap();
        let error = Lock::try_acquire(&RealFs, &path.with_extension("")).unwrap_err();
        assert!(matches!(error, Error::System { syscall: "open", .. }), "{error:?}");
        assert!(!dir.path().join("victim").exists());
    }
}

use super::*;
use crate::fs::RealFs;

fn try_acquire(path: &Path) -> Option<Lock> {
    Lock::try_acquire(&RealFs, &path.with_extension("")).unwrap()
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

#[test]
fn whoever_has_waited_longer_tries_more_often_but_never_without_a_pause() {
    let interval = |milliseconds, random| interval(Duration::from_millis(milliseconds), random);
    for random in [0, 749, 1499] {
        let row: Vec<_> =
            [0, 250, 1_000, 2_000, 5_000, 600_000].map(|waited| interval(waited, random)).into();
        assert!(row.is_sorted_by(|earlier, later| earlier >= later), "{row:?}");
        assert!(row[0] > 8 * row[4] && row[5] > Duration::from_micros(10), "{row:?}");
    }
    // In the beginning it is calm, and no two keep step.
    assert_eq!(interval(0, 0), Duration::from_micros(300));
    assert_eq!(interval(0, 1_499), Duration::from_micros(1_799));
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

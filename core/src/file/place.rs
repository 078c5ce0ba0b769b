//! Where a data file really is, the directories on the way to it, and the names beside it.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Context, Error};
use crate::fs::{File, FileKind, FileSystem, Stamp};

/// The file that `path` leads to: links in the last component are followed, also to a file that is not
/// there yet. Lock, temporary files and the directory sync belong to this one.
pub(crate) fn resolve(fs: &dyn FileSystem, path: &Path) -> Result<PathBuf, Error> {
    // As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs.stat_link(&target) {
            Ok(found) if found.kind == FileKind::Link => {
                let link = fs.read_link(&target).context("readlink", &target)?;
                target = parent(&target).join(link);
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context("lstat", &target);
            }
            _ => return Ok(target),
        }
    }
    // The system knows best what to call this.
    fs.stat(path).context("stat", path).map(|_| target)
}

/// The stamp of a data file, or `None` where there is none. Anything but a regular file is refused.
pub(crate) fn stamp(fs: &dyn FileSystem, path: &Path) -> Result<Option<Stamp>, Error> {
    match fs.stat(path) {
        Ok(found) => {
            must_be_regular(found.kind, path)?;
            Ok(Some(found.stamp))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("stat", path),
    }
}

/// Whether a stat of a data file can't wait for a network. A link may lead to one; where there is no file, the
/// directory tells.
pub(crate) fn is_local(fs: &dyn FileSystem, path: &Path) -> bool {
    let is_missing = || fs.stat_link(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    fs.is_local(path) || is_missing() && fs.is_local(parent(path))
}

pub(crate) fn must_be_regular(kind: FileKind, path: &Path) -> Result<(), Error> {
    let found = match kind {
        FileKind::Regular => return Ok(()),
        FileKind::Directory => "directory",
        FileKind::Link | FileKind::Special => "FIFO, socket or device",
    };
    let expected = format!("expected a regular file, found a {found}");
    Err(Error::Corrupt { path: path.to_owned(), line: 1, column: 1, expected })
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a directory and its parents, each synced into its own parent if `durable`.
pub(crate) fn make_dirs(fs: &dyn FileSystem, dir: &Path, durable: bool) -> Result<(), Error> {
    // Somebody may remove a parent that was just made. But some places (/proc, an automounter's directory, a drive that
    // is absent) say that there is no such directory although the parent is there, and always will.
    const MOST_REPEATS: usize = 16;
    let mut repeats = MOST_REPEATS;
    make_within(fs, dir, durable, &mut repeats)
}

fn make_within(fs: &dyn FileSystem, dir: &Path, durable: bool, repeats: &mut usize) -> Result<(), Error> {
    if fs.stat(dir).is_ok_and(|found| found.kind == FileKind::Directory) {
        return Ok(());
    }
    let above = parent(dir);
    let mut made = fs.create_dir(dir);
    while made.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
        && above != dir
        && *repeats > 0
    {
        make_within(fs, above, durable, repeats)?;
        made = fs.create_dir(dir);
        if made.is_err() {
            *repeats -= 1;
        }
    }
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Somebody else was faster, or something that is no directory is in the way.
            let found = fs.stat(dir).context("mkdir", dir)?;
            return if found.kind == FileKind::Directory { Ok(()) } else { Err(error).context("mkdir", dir) };
        }
        made => made.context("mkdir", dir)?,
    }
    if let (Ok(made), Ok(above)) = (fs.stat(dir), fs.stat(above))
        && made.owner != above.owner
    {
        // Only root may; its new directories then belong to the owner of the place they are made in.
        let _ = fs.set_dir_owner(dir, above.owner);
    }
    if durable { sync_name(fs, dir) } else { Ok(()) }
}

/// Syncs the directories on the way to one that gets its first file. [`make_dirs`] has synced those that it has
/// made, but another process may have made some and died before it could.
pub(crate) fn sync_above(fs: &dyn FileSystem, dir: &Path) {
    for above in dir.ancestors().skip(1) {
        // Some can't be synced by us (mode 0711, an automounter's), and nobody like us has made those.
        let _ = fs.sync_dir(above);
    }
}

/// Makes the name that a file or directory has got in the one above it survive a power loss.
pub(crate) fn sync_name(fs: &dyn FileSystem, file: &Path) -> Result<(), Error> {
    let dir = parent(file);
    match fs.sync_dir(dir) {
        // A directory of mode 0300 takes files, but can't be opened to be synced.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs.sync_all_around(file).map_err(|_| error)
        }
        synced => synced,
    }
    .context("fsync", dir)
}

/// Creates a file beside a data file.
pub(crate) fn create(fs: &dyn FileSystem, path: &Path) -> Result<Box<dyn File>, Error> {
    fs.create_new(path).context("open", path).map_err(too_long)
}

/// The path of the data file may be short enough for the system, while those beside it are not.
pub(crate) fn too_long(error: Error) -> Error {
    match error {
        Error::System { kind: ErrorKind::InvalidFilename, .. } => {
            error.because("the lock and temporary files beside a data file have paths of up to 30 bytes more")
        }
        error => error,
    }
}

/// Up to so many bytes a name stands for itself in those beside it: systems take names of 255.
const LONGEST_STEM: usize = 211;

/// `{file}{suffix}`, beside the file. Of a name that is so long that some suffix would not fit, the beginning and a hash
/// stand for it, whatever the suffix is.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = stem(file);
    name.push(suffix);
    file.with_file_name(name)
}

fn stem(file: &Path) -> OsString {
    let name = file.file_name().unwrap_or_default();
    if name.len() <= LONGEST_STEM {
        return name.to_owned();
    }
    let hash = format!("~{:016x}", xxh3_64(name.as_encoded_bytes()));
    let text = name.to_string_lossy();
    let end = (0..=LONGEST_STEM - hash.len()).rev().find(|&end| text.is_char_boundary(end));
    OsString::from(format!("{}{hash}", &text[..end.unwrap_or(0)]))
}

/// A name for a temporary file of `file` that no one else uses.
pub(crate) fn unique_tmp(file: &Path) -> PathBuf {
    beside(file, &format!(".{:x}-{:016x}.tmp", std::process::id(), random()))
}

/// Whether `name` is one that [`unique_tmp`] gives to temporary files of `file`. Whatever is named otherwise was made
/// by somebody else: `{file}.tmp` by a plain store, `{file}.backup.tmp` by a person.
pub(crate) fn is_tmp_of(file: &Path, name: &OsString) -> bool {
    let is_hex = |text: &[u8]| text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let file = stem(file);
    let rest = name.as_encoded_bytes().strip_prefix(file.as_encoded_bytes());
    let unique = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(b".tmp"));
    unique.is_some_and(|unique| match unique.iter().position(|&byte| byte == b'-') {
        Some(dash @ 1..=8) => {
            unique.len() == dash + 17 && is_hex(&unique[..dash]) && is_hex(&unique[dash + 1..])
        }
        _ => false,
    })
}

/// Removes what dead writers left behind. Only for the holder of the lock: whatever is there is dead. Returns the last
/// refusal; what can't be removed now is tried again at the next commit.
pub(crate) fn sweep(fs: &dyn FileSystem, file: &Path) -> Option<std::io::Error> {
    let dir = parent(file);
    let journal = beside(file, ".journal");
    let mut refusal = None;
    for name in fs.list(dir).unwrap_or_default() {
        if is_tmp_of(&journal, &name) || is_tmp_of(file, &name) && !is_checkpoint(fs, &dir.join(&name)) {
            refusal = fs.remove(&dir.join(name)).err().or(refusal);
        }
    }
    refusal
}

/// Whether a checkpoint is being written to a temporary file, which is done without the lock: its writer holds a lock on
/// the file itself, which the kernel frees.
fn is_checkpoint(fs: &dyn FileSystem, tmp: &Path) -> bool {
    fs.open_writable(tmp).and_then(|file| file.try_lock()).is_ok_and(|is_free| !is_free)
}

/// 64 random bits, from the keys that std draws for each hasher.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beside_a_file_with_a_long_name_are_no_longer_than_systems_take_and_known_by_it_alone() {
        for (length, letter) in [(211, "x"), (212, "x"), (255, "x"), (255, "\u{20ac}")] {
            let name = |last: &str| format!("{}{last}", letter.repeat((length - 1) / letter.len()));
            let (file, other) =
                (PathBuf::from("/data").join(name("a")), PathBuf::from("/data").join(name("b")));
            let [lock, journal] = [".lock", ".journal"].map(|suffix| beside(&file, suffix));
            for file in [&file, &journal] {
                let tmp = unique_tmp(file);
                let tmp_name = tmp.file_name().unwrap().to_owned();
                assert!(tmp_name.len() <= 255 && is_tmp_of(file, &tmp_name), "{tmp_name:?}");
                assert!(!is_tmp_of(&other, &tmp_name));
                assert!(beside(&tmp, ".kept").file_name().unwrap().len() <= 255);
            }
            assert_eq!(lock.parent(), Some(Path::new("/data")));
            assert!(lock.file_name().unwrap().len() <= 255);
            assert_eq!(lock == Path::new(&format!("{}.lock", file.display())), length <= 211);
            assert_ne!(lock, beside(&other, ".lock"));
        }
    }

    #[test]
    fn only_names_that_the_store_gives_are_those_of_its_temporary_files() {
        let file = Path::new("/data/processes.json");
        let is_tmp = |name: &str| is_tmp_of(file, &OsString::from(name));
        for _ in 0..100 {
            assert!(is_tmp(unique_tmp(file).file_name().unwrap().to_str().unwrap()));
        }
        for pid in ["1", "1f", "ffffffff"] {
            assert!(is_tmp(&format!("processes.json.{pid}-0123456789abcdef.tmp")));
        }
        for other in [
            "processes.json.tmp",
            "processes.json",
            "processes.json.lock",
            "processes.json.1f-0123456789abcdef",
            "processes.json.backup.tmp",
            "processes.json.2026-01-15.tmp",
            "processes.json.1f.tmp",
            "processes.json.1f-.tmp",
            "processes.json.-0123456789abcdef.tmp",
            "processes.json.1f-0123456789abcde.tmp",
            "processes.json.1f-0123456789abcdef0.tmp",
            "processes.json.1f-0123456789abcdeg.tmp",
            "processes.json.1F-0123456789abcdef.tmp",
            "processes.json.123456789-0123456789abcdef.tmp",
            "processes.json.old.1f-0123456789abcdef.tmp",
            "workspaces.json.1f-0123456789abcdef.tmp",
            "a.tmp",
        ] {
            assert!(!is_tmp(other), "{other}");
        }
    }
}

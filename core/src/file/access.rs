//! Who may read and write a file that is put in the place of another: the same as before.
//!
//! A rename replaces the file, so owner, group, mode, access list and attributes have to be taken over. Only a file that
//! was just made is ever given away: one that was there already belongs to whom it belongs. What can't be taken over:
//!
//! | the process is | the owner | the group |
//! |---|---|---|
//! | root | kept | kept |
//! | the owner, and in the group | kept | kept |
//! | the owner, and not in the group | kept | lost |
//! | somebody else in the group | lost | kept |
//! | somebody else, or root without CAP_CHOWN | lost | lost |
//!
//! An owner that is lost becomes one of the group, if that was kept, or else one of the others; with the same rights there
//! (0660, 0666) nothing is lost. A group that is lost makes its members others, and another group's members its own;
//! with the same rights for both (0600, 0644) nothing is lost and nothing widened. Where that is not so, the write is
//! refused and changes nothing. Whoever writes may be the owner then: they may write to the directory, and so could put
//! any file there.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::{Context, Error};
use crate::fs::{File, FileSystem, Stat};

/// The access list of POSIX, by its name on Linux. While a file has one, the mode's bits for the group are its mask.
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Makes the new `file` at `path`, of which `made` is a stat, accessible to those who may access `target`, which it is to
/// replace and of which `old` is a stat.
pub(crate) fn keep(
    fs: &dyn FileSystem,
    file: &dyn File,
    path: &Path,
    made: &Stat,
    target: &Path,
    old: &Stat,
) -> Result<(), Error> {
    let attributes = attributes(fs, target)?;
    if attributes.is_empty() && (made.owner, made.mode) == (old.owner, old.mode) {
        return Ok(());
    }
    let refusal = give(file, old.owner);
    let mut mode = old.mode;
    for (name, value) in attributes {
        match file.set_attribute(&name, &value) {
            Err(error) if is_refusal(&error) => {
                if name == ACCESS_LIST {
                    mode = narrowed(mode, &value);
                }
            }
            set => set.context("fsetxattr", path)?,
        }
    }
    let now = file.stat().context("fstat", path)?;
    // Some file systems have one mode for all files, and refuse to set any.
    if now.mode != mode
        && let Err(error) = file.set_mode(mode)
        && (!is_refusal(&error) || now.mode & !mode != 0)
    {
        return Err(error).context("fchmod", path);
    }
    let now = file.stat().context("fstat", path)?;
    if is_accessible_to_the_same(old, &now) {
        return Ok(());
    }
    let refusal = refusal.unwrap_or_else(|| ErrorKind::PermissionDenied.into());
    let (user, group) = old.owner;
    let meaning = format!(
        "a write replaces the file, and the new one can't be given to its owner {user} and group {group}, who would lose access"
    );
    Err(refusal).context("fchown", target).map_err(|error: Error| error.because(&meaning))
}

/// Gives a file that was just made to an owner and a group, or to one of them where both can't be had. Returns the
/// refusal.
pub(crate) fn give(file: &dyn File, (user, group): (u32, u32)) -> Option<io::Error> {
    if file.stat().is_ok_and(|found| found.owner == (user, group)) {
        return None;
    }
    let refusal = file.set_owner(Some(user), Some(group)).err()?;
    // Anybody may give a file to a group that they are in.
    let _ = file.set_owner(None, Some(group));
    let _ = file.set_owner(Some(user), None);
    Some(refusal)
}

/// Lets those who may write to a data file use its lock file, which was just made: whoever can't open it can't write.
pub(crate) fn share_lock(fs: &dyn FileSystem, lock: &dyn File, data: &Path, dir: &Path) {
    let Ok(old) = fs.stat(data) else {
        if let Ok(dir) = fs.stat(dir) {
            give(lock, dir.owner);
        }
        return;
    };
    give(lock, old.owner);
    // With an access list, the bits don't say what the group may do.
    let is_listed =
        attributes(fs, data).map_or(true, |found| found.iter().any(|(name, _)| name == ACCESS_LIST));
    let writers = [0o060, 0o006].into_iter().filter(|class| old.mode & class & 0o022 != 0).sum::<u32>();
    if writers != 0 && !is_listed && lock.stat().is_ok_and(|made| made.owner.1 == old.owner.1) {
        let _ = lock.set_mode(0o600 | writers);
    }
}

fn attributes(fs: &dyn FileSystem, path: &Path) -> Result<Vec<(OsString, Vec<u8>)>, Error> {
    fs.attributes(path).context("listxattr", path)
}

/// Whether it is about what may be done at all, as opposed to a disk that is full or fails.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

fn is_accessible_to_the_same(old: &Stat, new: &Stat) -> bool {
    let bits = |mode: u32| [mode >> 6 & 6, mode >> 3 & 6, mode & 6];
    let ([owner, group, others], [_, new_group, new_others]) = (bits(old.mode), bits(new.mode));
    let has_owner = old.owner.0 == new.owner.0;
    let has_group = old.owner.1 == new.owner.1;
    let left_to_owner = if has_group { new_group } else { new_group & new_others };
    (has_owner || owner & !left_to_owner == 0) && (has_group || group == others)
}

/// The mode that gives nobody more than an access list did, for a file that can't have the list: what the group itself
/// was granted, and of that and of what others were granted no more than anybody whom the list names.
fn narrowed(mode: u32, list: &[u8]) -> u32 {
    const USER: u16 = 0x02;
    const GROUP_ITSELF: u16 = 0x04;
    const GROUP: u16 = 0x08;
    // linux/posix_acl_xattr.h: a version of 4 bytes, then entries of tag, permissions and id, little-endian.
    let (mut group, mut others) = (mode >> 3 & 7, mode & 7);
    for entry in list.get(4..).unwrap_or_default().chunks_exact(8) {
        let (tag, granted) = (u16::from_le_bytes([entry[0], entry[1]]), u32::from(entry[2]));
        match tag {
            USER => (group, others) = (group & granted, others & granted),
            GROUP_ITSELF => group &= granted,
            GROUP => others &= granted,
            _ => {}
        }
    }
    mode & !0o077 | group << 3 | others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{FileKind, FileTime, Stamp};

    fn stat(owner: (u32, u32), mode: u32) -> Stat {
        let time = FileTime::default();
        let stamp = Stamp { dev: 0, ino: 0, size: 0, mtime: time, ctime: time };
        Stat { kind: FileKind::Regular, stamp, mode, owner }
    }

    #[test]
    fn a_lost_owner_or_group_is_borne_where_nobody_loses_or_gains_by_it() {
        let (same, other_group, other_owner, other) = ((1, 1), (1, 2), (2, 1), (2, 2));
        for (mode, kept) in [
            (0o600, [true, true, false, false]),
            (0o640, [true, false, false, false]),
            (0o644, [true, true, false, false]),
            (0o660, [true, false, true, false]),
            (0o664, [true, false, true, false]),
            (0o666, [true, true, true, true]),
            (0o444, [true, true, true, true]),
        ] {
            let found = [same, other_group, other_owner, other]
                .map(|now| is_accessible_to_the_same(&stat(same, mode), &stat(now, mode)));
            assert_eq!(found, kept, "{mode:o}");
        }
    }

    #[test]
    fn without_its_access_list_a_mode_gives_nobody_more_than_with_it() {
        let entry =
            |tag: u16, granted: u16| [&tag.to_le_bytes()[..], &granted.to_le_bytes(), &[0xff; 4]].concat();
        let list = |entries: &[(u16, u16)]| {
            let entries = entries.iter().flat_map(|&(tag, granted)| entry(tag, granted));
            [2, 0, 0, 0].into_iter().chain(entries).collect::<Vec<u8>>()
        };
        // The mask is what the mode shows for the group; the group itself has less.
        assert_eq!(narrowed(0o664, &list(&[(1, 6), (2, 6), (4, 0), (0x10, 6), (0x20, 4)])), 0o604);
        // Somebody who may do nothing may be in the group, and is one of the others.
        assert_eq!(narrowed(0o664, &list(&[(1, 6), (2, 0), (4, 6), (0x10, 6), (0x20, 4)])), 0o600);
        assert_eq!(narrowed(0o664, &list(&[(1, 6), (8, 0), (4, 6), (0x10, 6), (0x20, 4)])), 0o660);
        assert_eq!(narrowed(0o640, b"odd"), 0o640);
    }
}

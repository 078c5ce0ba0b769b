//! What a path is mounted from: whether that is this machine's own, and what a mount keeps from being replaced.

use std::path::Path;

use super::Obstacle;

/// From linux/magic.h: ext2-4, xfs, btrfs, tmpfs.
#[cfg(target_os = "linux")]
pub(super) const MULTIGRAIN: [u32; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994];

/// Whether a path is on a file system that is known to be this machine's own. One that isn't known may wait for a
/// server, stamp files by another clock, and do strange things to a file that is replaced while it is open.
///
/// The number that statfs tells is not enough: 9p hands on the number of the file system behind its server. What is
/// on a block device is none of those; what isn't is looked up by the name of its type.
#[cfg(target_os = "linux")]
pub(super) fn is_local(path: &Path) -> bool {
    // Also from linux/magic.h: ramfs, overlayfs, f2fs, zfs, bcachefs.
    const OTHERS: [u32; 5] = [0x8584_58f6, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];
    let Ok(found) = rustix::fs::statfs(path) else { return false };
    let kind = found.f_type as u32;
    if !MULTIGRAIN.contains(&kind) && !OTHERS.contains(&kind) {
        return false;
    }
    linux::Mount::of(path).is_ok_and(|mount| mount.is_on_a_block_device() || mount.is_of_this_machine(kind))
}

#[cfg(target_os = "macos")]
pub(super) fn is_local(path: &Path) -> bool {
    // MNT_LOCAL of sys/mount.h. Programs (macFUSE) may claim it, so it counts only of the system's own disks.
    rustix::fs::statfs(path).is_ok_and(|found| {
        let name = found.f_fstypename.map(|byte| byte as u8);
        found.f_flags & 0x1000 != 0 && [&b"apfs\0"[..], b"hfs\0"].iter().any(|own| name.starts_with(own))
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn is_local(_path: &Path) -> bool {
    false
}

/// What keeps a file from being renamed over this path.
#[cfg(target_os = "linux")]
pub(super) fn obstacle(target: &Path) -> Option<Obstacle> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let has = |path: &Path, wanted: StatxAttributes| {
        statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
            .is_ok_and(|found| found.stx_attributes.intersects(wanted))
    };
    let protected = StatxAttributes::APPEND | StatxAttributes::IMMUTABLE;
    if has(target, StatxAttributes::MOUNT_ROOT) {
        return Some(Obstacle::MountPoint);
    }
    let is_protected = has(target, protected) || target.parent().is_some_and(|dir| has(dir, protected));
    is_protected.then_some(Obstacle::Protected)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn obstacle(_target: &Path) -> Option<Obstacle> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use rustix::fs::{AtFlags, CWD, StatxFlags, major, minor, stat, statx};
    use rustix::io::{Errno, Result};

    /// As the kernel numbers it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Mount {
        device: (u32, u32),
        /// Known since Linux 5.8.
        id: Option<u64>,
    }

    impl Mount {
        pub fn of(path: &Path) -> Result<Mount> {
            match statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID) {
                Ok(found) => Ok(Mount {
                    device: (found.stx_dev_major, found.stx_dev_minor),
                    id: StatxFlags::from_bits_retain(found.stx_mask)
                        .contains(StatxFlags::MNT_ID)
                        .then_some(found.stx_mnt_id),
                }),
                Err(Errno::NOSYS) => {
                    let device = stat(path)?.st_dev;
                    Ok(Mount { device: (major(device), minor(device)), id: None })
                }
                Err(error) => Err(error),
            }
        }

        /// What has no such device has a number with the major part 0.
        pub fn is_on_a_block_device(self) -> bool {
            self.device.0 != 0
        }

        /// Whether a mount that claims to be of this kind (a number of statfs) is. Remembered, since the table of all
        /// mounts can be long.
        pub fn is_of_this_machine(self, kind: u32) -> bool {
            const MOST: usize = 64;
            static KNOWN: Mutex<Vec<(Mount, u32, bool)>> = Mutex::new(Vec::new());
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((.., answer)) = known.iter().find(|(mount, of, _)| (*mount, *of) == (self, kind)) {
                return *answer;
            }
            let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
            let answer = self.type_in(&String::from_utf8_lossy(&table)).is_some_and(is_own);
            if known.len() == MOST {
                known.clear();
            }
            known.push((self, kind, answer));
            answer
        }

        /// The name of the type, from proc/self/mountinfo. A btrfs has other devices for its subvolumes than for the
        /// whole, so only the number of the mount finds it.
        pub(super) fn type_in(self, table: &str) -> Option<&str> {
            table.lines().find_map(|line| {
                let (mount, source) = line.split_once(" - ")?;
                let mut fields = mount.split(' ');
                let (id, device) = (fields.next()?, fields.nth(1)?);
                let is_it = match self.id {
                    Some(own) => id.parse() == Ok(own),
                    None => device == format!("{}:{}", self.device.0, self.device.1),
                };
                is_it.then(|| source.split(' ').next())?
            })
        }
    }

    fn is_own(name: &str) -> bool {
        ["tmpfs", "devtmpfs", "ramfs", "rootfs", "overlay", "btrfs", "zfs", "bcachefs"].contains(&name)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const TABLE: &str = "\
22 1 0:20 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=1k
31 22 0:33 /@home /home rw,relatime - btrfs /dev/vda1 rw,subvol=/@home
40 22 0:41 / /mnt/host\\040dir rw - 9p hostshare rw,trans=virtio
no line of such a table
";

        #[test]
        fn a_mount_is_known_by_the_name_of_its_type_and_not_by_the_number_that_it_claims() {
            let own = |device, id| Mount { device, id }.type_in(TABLE).map(is_own);
            assert_eq!(own((0, 20), Some(22)), Some(true));
            assert_eq!(own((0, 99), Some(31)), Some(true), "a subvolume has a device of its own");
            assert_eq!(own((0, 41), Some(40)), Some(false), "a server may forward any number");
            assert_eq!(own((0, 41), Some(4)), None);
            // Before Linux 5.8 the device has to do.
            assert_eq!(own((0, 20), None), Some(true));
            assert_eq!(own((0, 41), None), Some(false));
            assert_eq!(own((0, 4), None), None);
        }

        #[test]
        fn the_systems_own_mounts_are_found_in_its_table() {
            for path in ["/dev", "/proc"] {
                let mount = Mount::of(Path::new(path)).unwrap();
                let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
                assert!(mount.is_on_a_block_device() || mount.type_in(&table).is_some(), "{path}: {mount:?}");
            }
            assert!(!super::super::is_local(Path::new("/proc")));
            assert!(!super::super::is_local(Path::new("/nothing here")));
        }
    }
}

//! The system's own files and clock.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{File, FileKind, FileSystem, FileTime, Obstacle, Stamp, Stat, mounts};

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

#[derive(Debug)]
struct RealFile(fs::File);

impl Read for RealFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl File for RealFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(stat_of(&self.0.metadata()?))
    }

    fn read_all(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // An allocation that fails otherwise would take the whole process down.
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.try_reserve_exact(size.saturating_add(1)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.0.rewind()?;
        // What has grown meanwhile may do so for ever.
        (&self.0).take(size as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_all(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        // IOV_MAX is 1024 on Linux and macOS; std cuts longer lists itself, but only after building them.
        for some in parts.chunks(1024) {
            let mut slices: Vec<IoSlice> = some.iter().map(|part| IoSlice::new(part)).collect();
            let mut rest = &mut slices[..];
            IoSlice::advance_slices(&mut rest, 0);
            while !rest.is_empty() {
                match self.0.write_vectored(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => IoSlice::advance_slices(&mut rest, written),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        let rest = self.0.metadata()?.len().saturating_sub(offset);
        let rest = usize::try_from(rest).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(rest.saturating_add(1)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.0.seek(io::SeekFrom::Start(offset))?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.seek(io::SeekFrom::Start(offset))?;
        self.0.write_all(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    /// Of dirty pages, Linux begins to write back those that won't be needed (mm/fadvise.c), and keeps them.
    #[cfg(target_os = "linux")]
    fn start_writing_back(&self, offset: u64, length: u64) {
        let length = std::num::NonZeroU64::new(length);
        let _ = rustix::fs::fadvise(&self.0, offset, length, rustix::fs::Advice::DontNeed);
    }

    fn sync(&self) -> io::Result<()> {
        sync(&self.0)
    }

    fn sync_data(&self) -> io::Result<()> {
        // Elsewhere std asks for no less than `sync` does, or has to be asked in the same roundabout way.
        if cfg!(target_os = "linux") { self.0.sync_data() } else { sync(&self.0) }
    }

    #[cfg(unix)]
    fn set_mode(&self, mode: u32) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        self.0.set_permissions(fs::Permissions::from_mode(mode))
    }

    #[cfg(unix)]
    fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        std::os::unix::fs::fchown(&self.0, user, group)
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn set_attribute(&self, name: &OsStr, value: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::fsetxattr(&self.0, name, value, rustix::fs::XattrFlags::empty())?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn set_attribute(&self, _name: &OsStr, _value: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(not(unix))]
    fn set_mode(&self, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(unix))]
    fn set_owner(&self, _user: Option<u32>, _group: Option<u32>) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock(&self) -> io::Result<()> {
        loop {
            match self.0.lock() {
                // A signal of the program's own.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                locked => return locked,
            }
        }
    }

    fn tells_each_change(&self) -> bool {
        has_multigrain_times(self).unwrap_or(false)
    }
}

impl FileSystem for RealFs {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(stat_of(&fs::metadata(path)?))
    }

    fn stat_link(&self, path: &Path) -> io::Result<Stat> {
        Ok(stat_of(&fs::symlink_metadata(path)?))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true);
        nonblocking(&mut options);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        private(&mut options);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        // Without O_CREAT, which systems refuse for what is there already and somebody else's, in directories that
        // everybody may write to (fs.protected_regular), even to root.
        options.read(true).write(true);
        as_lock(&mut options);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn attributes(&self, path: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        attributes(path)
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn attributes(&self, _path: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        Ok(Vec::new())
    }

    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        unlinked(&mut options);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        private_dir(&mut builder);
        builder.create(dir)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = fs::File::open(dir)?;
        match sync(&dir) {
            // This file system knows no sync of directories (CIFS and 9p on some kernels): no more is to be had.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            synced => synced?,
        }
        // An XFS that has shut itself down, for an error of its disk, says that it has synced a directory although it
        // has not. It answers no stat any more.
        dir.metadata().map(drop)
    }

    #[cfg(target_os = "linux")]
    fn sync_all_around(&self, file: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true);
        nonblocking(&mut options);
        Ok(rustix::fs::syncfs(options.open(file)?)?)
    }

    /// Whoever may write to the directory above can put something else in its place, but not have that given away.
    #[cfg(unix)]
    fn set_dir_owner(&self, dir: &Path, (user, group): (u32, u32)) -> io::Result<()> {
        use rustix::fs::{Mode, OFlags};
        let dir =
            rustix::fs::open(dir, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        std::os::unix::fs::fchown(dir, Some(user), Some(group))
    }

    // Windows opens no directory as a file; NTFS journals the rename itself.
    #[cfg(not(unix))]
    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(unix))]
    fn set_dir_owner(&self, _dir: &Path, _owner: (u32, u32)) -> io::Result<()> {
        Ok(())
    }

    /// The clock that Linux stamps files with stands still between two ticks, for as long as the processor that counts
    /// them is not run: in a guest of a busy host that is a tenth of a second now and then, while the exact clock goes on.
    #[cfg(target_os = "linux")]
    fn now(&self) -> FileTime {
        let ticks = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        FileTime { seconds: ticks.tv_sec, nanos: ticks.tv_nsec as u32 }
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> FileTime {
        file_time(SystemTime::now())
    }

    fn uptime(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn is_local(&self, path: &Path) -> bool {
        mounts::is_local(path)
    }

    fn has_identity(&self) -> bool {
        cfg!(unix)
    }

    fn obstacle(&self, target: &Path) -> Option<Obstacle> {
        mounts::obstacle(target)
    }
}

#[cfg(not(target_os = "macos"))]
fn sync(file: &fs::File) -> io::Result<()> {
    file.sync_all()
}

/// std asks for F_FULLFSYNC, since fsync stops at the drive's cache on macOS. File systems that refuse to know it (of
/// networks, for instance) are asked for as much as they know.
#[cfg(target_os = "macos")]
fn sync(file: &fs::File) -> io::Result<()> {
    use rustix::io::Errno;

    let refused = [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL];
    match file.sync_all() {
        Err(error) if Errno::from_io_error(&error).is_some_and(|errno| refused.contains(&errno)) => {
            Ok(rustix::fs::fsync(file)?)
        }
        synced => synced,
    }
}

/// What the kernel sets for every new file by itself (security.selinux) is left to it.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn attributes(path: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    use rustix::io::Errno;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    // No list and no value is longer on Linux (limits.h).
    const MOST: usize = 64 * 1024;
    let mut few = [0; 256];
    let mut many = Vec::new();
    let names = match rustix::fs::listxattr(path, &mut few[..]) {
        Ok(length) => &few[..length],
        Err(Errno::RANGE) => {
            many.resize(MOST, 0);
            let length = rustix::fs::listxattr(path, &mut many[..])?;
            &many[..length]
        }
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOENT) => &[],
        Err(error) => return Err(error.into()),
    };
    let is_kept = |name: &[u8]| {
        cfg!(target_os = "macos") || name == b"system.posix_acl_access" || name.starts_with(b"user.")
    };
    let mut kept = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty() && is_kept(name)) {
        let mut value = vec![0; MOST];
        match rustix::fs::getxattr(path, OsStr::from_bytes(name), &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                kept.push((OsString::from_vec(name.to_vec()), value));
            }
            // Removed just now; or, on macOS, larger than what a data file has.
            Err(Errno::RANGE) => {}
            #[cfg(target_os = "linux")]
            Err(Errno::NODATA) => {}
            #[cfg(target_os = "macos")]
            Err(Errno::NOATTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(kept)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(unix)]
fn private_dir(builder: &mut fs::DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

#[cfg(unix)]
fn nonblocking(options: &mut OpenOptions) {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags as i32);
}

/// Never through a link.
#[cfg(unix)]
fn unlinked(options: &mut OpenOptions) {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits() as i32);
}

#[cfg(not(unix))]
fn unlinked(_options: &mut OpenOptions) {}

#[cfg(unix)]
use unlinked as as_lock;

#[cfg(not(unix))]
fn private(_options: &mut OpenOptions) {}

#[cfg(not(unix))]
fn private_dir(_builder: &mut fs::DirBuilder) {}

#[cfg(not(unix))]
fn nonblocking(_options: &mut OpenOptions) {}

/// Nobody can delete it while it is open: whether that has happened could not be told from ids, as it is on Unix.
#[cfg(windows)]
fn as_lock(options: &mut OpenOptions) {
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_WRITE: u32 = 2;
    std::os::windows::fs::OpenOptionsExt::share_mode(options, FILE_SHARE_READ | FILE_SHARE_WRITE);
}

/// Linux stamps files with a clock that stands still between two ticks. Since 6.13 it takes the exact time where a file
/// is changed again after a stat and the tick is still the same, on these file systems
/// (Documentation/filesystems/multigrain-ts.rst). A stamp that is ahead of the clock of ticks shows that the kernel
/// does so, and that the file system has room for such times; this is remembered of its device.
#[cfg(target_os = "linux")]
fn has_multigrain_times(file: &RealFile) -> io::Result<bool> {
    use std::sync::{Mutex, PoisonError};

    static SHOWN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    let before = file.stat()?;
    if SHOWN.lock().unwrap_or_else(PoisonError::into_inner).contains(&before.stamp.dev) {
        return Ok(true);
    }
    file.set_mode(before.mode)?;
    let ctime = file.stat()?.stamp.ctime;
    let ticks = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    let is_ahead = (ctime.seconds, i64::from(ctime.nanos)) > (ticks.tv_sec, ticks.tv_nsec);
    // A stamp from the future shows nothing but a clock that was set back.
    let shows = is_ahead && ctime <= file_time(SystemTime::now()) && {
        let kind = rustix::fs::fstatfs(&file.0)?.f_type as u32;
        mounts::MULTIGRAIN.contains(&kind)
    };
    if shows {
        SHOWN.lock().unwrap_or_else(PoisonError::into_inner).push(before.stamp.dev);
    }
    Ok(shows)
}

#[cfg(not(target_os = "linux"))]
fn has_multigrain_times(_file: &RealFile) -> io::Result<bool> {
    Ok(false)
}

fn file_time(time: SystemTime) -> FileTime {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => FileTime { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() },
        Err(before) => {
            let before = before.duration();
            let (seconds, nanos) = (before.as_secs() as i64, before.subsec_nanos());
            if nanos == 0 {
                FileTime { seconds: -seconds, nanos }
            } else {
                FileTime { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos }
            }
        }
    }
}

fn kind_of(metadata: &fs::Metadata) -> FileKind {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileKind::Regular
    } else if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Special
    }
}

#[cfg(unix)]
fn stat_of(metadata: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let time = |seconds, nanos| FileTime { seconds, nanos: nanos as u32 };
    Stat {
        kind: kind_of(metadata),
        stamp: Stamp {
            dev: metadata.dev(),
            ino: metadata.ino(),
            size: metadata.size(),
            mtime: time(metadata.mtime(), metadata.mtime_nsec()),
            ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        },
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
    }
}

#[cfg(not(unix))]
fn stat_of(metadata: &fs::Metadata) -> Stat {
    let mtime = metadata.modified().map(file_time).unwrap_or_default();
    Stat {
        kind: kind_of(metadata),
        stamp: Stamp { dev: 0, ino: 0, size: metadata.len(), mtime, ctime: mtime },
        mode: 0,
        owner: (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the exact clock, a file that was changed twice within a tick could look safely old in between.
    #[test]
    fn no_local_file_is_stamped_with_a_time_that_is_behind_the_clock() {
        let dir = tempfile::tempdir().unwrap();
        if !RealFs.is_local(dir.path()) {
            return;
        }
        for number in 0..2000 {
            let before = RealFs.now();
            let mut file = RealFs.create_new(&dir.path().join(number.to_string())).unwrap();
            file.write_all(&[b"x"]).unwrap();
            let stamp = file.stat().unwrap().stamp;
            assert!(stamp.mtime >= before && stamp.ctime >= before, "{stamp:?} is before {before:?}");
        }
    }

    #[test]
    fn times_before_1970_keep_their_nanoseconds() {
        let before = UNIX_EPOCH - Duration::new(1, 250);
        assert_eq!(file_time(before), FileTime { seconds: -2, nanos: 999_999_750 });
        assert_eq!(file_time(before).as_nanos(), -1_000_000_250);
        assert_eq!(file_time(UNIX_EPOCH - Duration::from_secs(3)), FileTime { seconds: -3, nanos: 0 });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_can_not_be_synced_is_as_durable_as_it_gets() {
        let refusal = fs::File::open("/proc").unwrap().sync_all().unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::InvalidInput);
        assert!(RealFs.sync_dir(Path::new("/proc")).is_ok());
        assert!(RealFs.sync_dir(Path::new("/proc/nothing")).is_err());
    }

    #[test]
    fn where_each_change_is_said_to_tell_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let (tmp, path) = (dir.path().join("tmp"), dir.path().join("file"));
        for turn in 0..500 {
            let mut file = RealFs.create_new(&tmp).unwrap();
            let tells = file.tells_each_change();
            file.write_all(&[b"before"]).unwrap();
            let written = file.stat().unwrap().stamp;
            RealFs.rename(&tmp, &path).unwrap();
            let renamed = file.stat().unwrap().stamp;
            let mut other = OpenOptions::new().write(true).open(&path).unwrap();
            other.write_all(b"after!").unwrap();
            let changed = file.stat().unwrap().stamp;
            if tells {
                assert_eq!(written.mtime, renamed.mtime, "a rename doesn't change the time of the content");
                assert!(changed.ctime > renamed.ctime && changed.mtime > renamed.mtime, "turn {turn}");
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_created_where_something_is_already_and_no_planted_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        for (name, target) in [("to a file", "victim"), ("to nothing", "missing"), ("to itself", "to itself")]
        {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        for name in ["victim", "to a file", "to nothing", "to itself"] {
            let refused = RealFs.create_new(&at(name)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read(at("victim")).unwrap(), b"precious");
        assert!(!at("missing").exists());
    }

    #[test]
    fn more_parts_than_the_system_takes_at_once_are_all_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = RealFs.create_new(&dir.path().join("many")).unwrap();
        let parts: Vec<&[u8]> = (0..5000).map(|n| if n % 7 == 0 { &b""[..] } else { &b"ab"[..] }).collect();
        file.write_all(&parts).unwrap();
        let all = parts.concat();
        assert_eq!(file.read_all(all.len() as u64).unwrap(), all);
        assert_eq!(file.read_all(5).unwrap(), all[..6], "of what has grown no more than tells so");
    }
}

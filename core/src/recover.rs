//! Recovery of a damaged file: what is still whole is kept, and the damaged file too, under another name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commit::{Replaced, Turn};
use crate::error::{Context, Error, Flaw};
use crate::file::{DataFile, WriteOptions, guarded};
use crate::lock::{self, Lock};
use crate::place;
use crate::record::Record;
use crate::snapshot::{Content, Snapshot, skip_white_space};

/// What a recovery found and did.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The data file, links resolved.
    pub path: PathBuf,
    /// The copy of the damaged file; `None` where nothing was damaged, and so nothing was done.
    pub backup: Option<PathBuf>,
    /// How many records are in the file now.
    pub kept: usize,
    /// What could not be kept.
    pub lost: Vec<Loss>,
}

/// A place where something was not a whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Line in the copy of the damaged file, from 1.
    pub line: usize,
    /// Column, from 1, in bytes.
    pub column: usize,
    /// How many bytes from there on were left out.
    pub bytes: usize,
    /// What was expected there.
    pub expected: String,
}

impl<R: Record> DataFile<R> {
    /// Mends the file if it is damaged: copies it to `{file}.corrupt-<timestamp>`, then replaces it by one with
    /// every record that is still whole. A file that is whole, or missing, is left alone.
    pub fn recover(&self, options: WriteOptions) -> Result<Recovery, Error> {
        guarded(|| self.mend(options))
    }

    fn mend(&self, options: WriteOptions) -> Result<Recovery, Error> {
        let fs = &*self.fs;
        let Some(turn) = self.wait_for_turn(options.lock_timeout)? else {
            return Ok(Recovery { path: self.path().to_owned(), backup: None, kept: 0, lost: Vec::new() });
        };
        let path = turn.target.clone();
        match self.refresh(&path) {
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
            Ok(whole) => {
                let kept = whole.content.records().len();
                return Ok(Recovery { path, backup: None, kept, lost: Vec::new() });
            }
        }
        let mut file = fs.open(&path).context("open", &path)?;
        let before = file.stat().context("fstat", &path)?;
        place::must_be_regular(before.kind, &path)?;
        let bytes = file.read_all(before.stamp.size).context("read", &path)?;
        if bytes.len() as u64 != before.stamp.size {
            return Err(std::io::Error::from(ErrorKind::UnexpectedEof)).context("read", &path);
        }
        let (content, lost) = salvage::<R>(&bytes);
        let backup = self.copy_aside(&path, &bytes, before.mode, options.durable)?;
        let kept = content.records().len();
        let damaged = Snapshot::new(Arc::new(Content::<R>::empty()), before.stamp, fs.now(), None);
        match self.replace(&turn, &damaged, Arc::new(content), options.durable, false)? {
            Replaced::Yes => Ok(Recovery { path, backup: Some(backup), kept, lost }),
            // Somebody else has mended or replaced it just now: look again.
            Replaced::Overtaken | Replaced::LostLock => {
                drop(turn);
                self.mend(options)
            }
        }
    }

    /// The lock of a file that is there.
    fn wait_for_turn(&self, timeout: Duration) -> Result<Option<Turn>, Error> {
        let began = Instant::now();
        loop {
            let target = place::resolve(&*self.fs, self.path())?;
            if place::stamp(&*self.fs, &target)?.is_none() {
                return Ok(None);
            }
            let path = lock::path_for(&target);
            if let Some(lock) = Lock::try_acquire(&*self.fs, &path)? {
                return Ok(Some(Turn { lock, target }));
            }
            if began.elapsed() >= timeout {
                return Err(Error::Locked { path, waited: began.elapsed() });
            }
            lock::pause(began.elapsed());
        }
    }

    fn copy_aside(&self, path: &Path, bytes: &[u8], mode: u32, durable: bool) -> Result<PathBuf, Error> {
        let fs = &*self.fs;
        let mut moment = fs.now().as_nanos() / 1_000_000;
        loop {
            let backup = place::beside(path, &format!(".corrupt-{}", timestamp(moment)));
            let mut copy = match fs.create_new(&backup) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    moment += 1;
                    continue;
                }
                created => created.context("open", &backup)?,
            };
            let filled = copy.write_all(&[bytes]).context("write", &backup).and_then(|()| {
                if copy.stat().context("fstat", &backup)?.stamp.size != bytes.len() as u64 {
                    return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", &backup);
                }
                copy.set_mode(mode).context("fchmod", &backup)?;
                if durable {
                    copy.sync().context("fsync", &backup)?;
                    fs.sync_dir(place::parent(&backup)).context("fsync", place::parent(&backup))?;
                }
                Ok(())
            });
            if filled.is_err() {
                let _ = fs.remove(&backup);
            }
            return filled.map(|()| backup);
        }
    }
}

/// `20260105T090000123Z`: an ISO date that every file system takes as a name.
fn timestamp(ms: i128) -> String {
    let date = i64::try_from(ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
    date.unwrap_or_default().format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Every whole record of a damaged text, and what lay between them.
fn salvage<R: Record>(text: &[u8]) -> (Content<R>, Vec<Loss>) {
    let mut records = Vec::new();
    let mut lost: Vec<Loss> = Vec::new();
    let mut at = 0;
    // Where the damage began that is being passed over, and what was missed there.
    let mut damage: Option<Flaw> = None;
    let mut close = |damage: &mut Option<Flaw>, end: usize| {
        if let Some(flaw) = damage.take() {
            let (line, column) = flaw.position(text);
            lost.push(Loss { line, column, bytes: end - flaw.offset, expected: flaw.expected });
        }
    };
    loop {
        // What belongs between records is no loss.
        let gap = text[at..].iter().take_while(|byte| b" \t\r\n,[]".contains(byte)).count();
        if damage.is_none() {
            at += gap;
        }
        let Some(found) = memchr::memchr(b'{', &text[at..]) else { break };
        if found > 0 && damage.is_none() {
            damage = Some(Flaw::new(at, "expected a record"));
        }
        let start = at + found;
        match if may_open_record(text, start) {
            R::read(&text[start..])
        } else {
            Err(Flaw::new(0, "expected a record"))
        } {
            Ok((record, length)) => {
                close(&mut damage, start);
                records.push(Arc::new(record));
                at = start + length;
            }
            Err(flaw) => {
                damage.get_or_insert(Flaw::new(start, flaw.expected));
                at = start + 1;
            }
        }
    }
    if damage.is_none() && at < text.len() {
        damage = Some(Flaw::new(at, "expected a record"));
    }
    close(&mut damage, text.len());
    (Content::of(records), lost)
}

/// Whether the brace at `start` could begin a record: it opens an object with fields that is no field itself.
fn may_open_record(text: &[u8], start: usize) -> bool {
    let before = text[..start].iter().rfind(|byte| !b" \t\r\n".contains(byte));
    before != Some(&b':') && text.get(skip_white_space(text, start + 1)) == Some(&b'"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;

    fn entry(id: &str) -> String {
        format!(
            "{{\"workspaceId\":\"w\",\"process\":{{\"id\":\"{id}\",\"status\":\"running\",\"startTime\":\"2026-01-01\",\"metadata\":{{\"a\":{{}}}}}}}}"
        )
    }

    fn ids(text: &str) -> (Vec<String>, usize) {
        let (content, lost) = salvage::<Process>(text.as_bytes());
        let ids = content.records().iter().map(|record| String::from_utf8_lossy(record.id()).into_owned());
        (ids.collect(), lost.len())
    }

    #[test]
    fn records_before_and_behind_the_damage_are_kept() {
        let (a, b, c) = (entry("a"), entry("b"), entry("c"));
        let whole = format!("[\n  {a},\n  {b},\n  {c}\n]");
        for cut in 1..b.len() - 1 {
            let middle = format!("[\n  {a},\n  {},\n  {c}\n]", &b[..cut]);
            assert_eq!(ids(&middle), (vec!["a".into(), "c".into()], 1), "{middle}");
            let end = &whole[..whole.find(&c).unwrap() + cut];
            assert_eq!(ids(end), (vec!["a".into(), "b".into()], 1), "{end}");
        }
        assert_eq!(ids(&format!("{a}{b}")), (vec!["a".into(), "b".into()], 0));
        assert_eq!(ids(&format!("\0\0{a}\0")), (vec!["a".into()], 2));
        assert_eq!(ids(""), (vec![], 0));
    }

    #[test]
    fn the_name_of_the_copy_is_a_date() {
        assert_eq!(timestamp(1_767_603_600_123), "20260105T090000123Z");
    }
}

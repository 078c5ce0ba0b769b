//! What each data file may hold after a power loss, and the search for a disk on which it holds anything else.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::simulated::{Client, Entry, World, survivors};

use super::{DIR, Start, Step, WORKSPACES, open};

type Content = Option<Vec<u8>>;

/// For each data file, the contents that a restart may find: the newest acknowledged one, and those that later
/// calls have made or may have made visible without being acknowledged.
#[derive(Clone, Debug)]
pub struct Ledger {
    files: Vec<Page>,
}

#[derive(Clone, Debug)]
struct Page {
    path: PathBuf,
    now: Content,
    allowed: Vec<Content>,
    /// Everything that was ever the whole content.
    ever: Vec<Content>,
}

/// How a disk breaks the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A file holds what no call ever wrote as a whole.
    Torn(String),
    /// A file holds an older state than the one that was acknowledged.
    Lost(String),
    /// A store that starts on this disk doesn't work.
    Unusable(String),
}

impl Ledger {
    pub fn new(client: &Client, start: Start) -> Self {
        let page = |path: PathBuf| {
            let now = client.content(&path);
            Page { path, allowed: vec![now.clone()], ever: vec![now.clone()], now }
        };
        Ledger { files: [start.processes(), WORKSPACES.into()].map(page).into() }
    }

    /// Takes note of what a call has made of the files, before it is known whether it will be acknowledged.
    pub fn saw(&mut self, client: &Client) {
        for page in &mut self.files {
            let now = client.content(&page.path);
            if now != page.now {
                page.allowed.push(now.clone());
                page.ever.push(now.clone());
                page.now = now;
            }
        }
    }

    /// The call was acknowledged: what `before` it was there is not allowed any more.
    pub fn acknowledge(&mut self, before: &Ledger) {
        for (page, before) in self.files.iter_mut().zip(&before.files) {
            if page.now != before.now {
                page.allowed = vec![page.now.clone()];
            }
        }
    }

    /// Whether no file has another content than in `other`.
    pub fn agrees_with(&self, other: &Ledger) -> bool {
        self.files.iter().zip(&other.files).all(|(page, other)| page.now == other.now)
    }
}

/// Tries every state that a power loss can leave.
#[derive(Default)]
pub struct Checker {
    /// Whether a store works on a disk, for the disks that were met before.
    usable: HashMap<Entry, Result<(), String>>,
    /// How many states of the disk were judged.
    pub judged: usize,
}

impl Checker {
    /// Judges each state that `world` can turn into if the machine stops now.
    pub fn check(&mut self, world: &World, ledger: &Ledger) -> Result<(), Violation> {
        for disk in survivors(world) {
            self.judged += 1;
            for page in &ledger.files {
                let found = match disk.at(&page.path) {
                    Some(Entry::File(content)) => Some(&**content),
                    _ => None,
                };
                let is_among =
                    |contents: &[Content]| contents.iter().any(|content| content.as_deref() == found);
                if !is_among(&page.allowed) {
                    let shown = found.map(String::from_utf8_lossy);
                    let report = format!("{} holds {shown:?} on {disk:?}", page.path.display());
                    return Err(if is_among(&page.ever) {
                        Violation::Lost(report)
                    } else {
                        Violation::Torn(report)
                    });
                }
            }
            let disk = with_plain_tmps(&disk);
            let usable = self.usable.entry(disk).or_insert_with_key(use_it);
            usable.clone().map_err(Violation::Unusable)?;
        }
        Ok(())
    }

    /// Runs one step while every state of the world is recorded, and judges all of them.
    pub fn run(
        &mut self,
        client: &Client,
        ledger: &mut Ledger,
        step: impl FnOnce() -> bool,
    ) -> Result<(), Violation> {
        client.record_states();
        let before = ledger.clone();
        let acknowledged = step();
        let states = client.recorded_states();
        ledger.saw(client);
        for state in &states {
            self.check(state, ledger)?;
        }
        if acknowledged {
            ledger.acknowledge(&before);
        }
        self.check(&client.world(|world| world.clone()), ledger)
    }
}

/// A new store reads both files, writes both files, and leaves no temporary file of its own name behind.
fn use_it(disk: &Entry) -> Result<(), String> {
    let client = Client::new(disk.mount());
    let store = open(&client);
    let report = |error| format!("{error} on {disk:?}");
    store.processes.read().map_err(report)?;
    store.workspaces.read().map_err(report)?;
    Step::Add.run(&store, 99).map_err(report)?;
    Step::Register.run(&store, 99).map_err(report)?;
    let processes = store.processes.read().map_err(report)?;
    let workspaces = store.workspaces.read().map_err(report)?;
    if processes.place(b"n99").is_none() || workspaces.place(b"w1").is_none() {
        return Err(report_missing(disk));
    }
    match client.names_in(Path::new(DIR)).iter().find(|name| is_unique_tmp(name)) {
        Some(name) => Err(format!("{name} is still there on {disk:?}")),
        None => Ok(()),
    }
}

fn report_missing(disk: &Entry) -> String {
    format!("what was just written is not there on {disk:?}")
}

fn is_unique_tmp(name: &str) -> bool {
    name.ends_with(".tmp") && name != "processes.json.tmp"
}

/// Temporary files have random names, and nobody reads them: with numbers for names and without their content,
/// there are fewer disks to try.
fn with_plain_tmps(disk: &Entry) -> Entry {
    let Entry::Directory(names) = disk else { return disk.clone() };
    let mut plain = BTreeMap::new();
    for (name, entry) in &**names {
        match name.to_str() {
            Some(tmp) if is_unique_tmp(tmp) => {
                let file = tmp.split_inclusive(".json").next().unwrap_or(tmp);
                let name = format!("{file}.0-{:016x}.tmp", plain.len());
                plain.insert(OsString::from(name), Entry::File([].into()));
            }
            _ => drop(plain.insert(name.clone(), with_plain_tmps(entry))),
        }
    }
    Entry::Directory(plain.into())
}

//! What a power loss can leave of a world.
//!
//! What was synced is there. Of the rest, any part can be: each change of a directory on its own (a rename is
//! one step, but its old name may stay), and of a file's unsynced content nothing, all, a beginning, a
//! length without content, or a length with what the blocks held before.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::{Body, Change, Id, Names, directory, file};
use super::world::{ROOT, World};

/// A file or directory after the restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    File(Arc<[u8]>),
    Directory(Arc<BTreeMap<OsString, Entry>>),
    Link(PathBuf),
}

/// Every state in which the disk can be found.
pub fn survivors(world: &World) -> Vec<Entry> {
    entries(world, ROOT)
}

fn entries(world: &World, id: Id) -> Vec<Entry> {
    match &world.nodes[id].body {
        Body::File { soft, hard, .. } => {
            contents(soft, hard).into_iter().map(|content| Entry::File(content.into())).collect()
        }
        Body::Link(target) => vec![Entry::Link(target.clone())],
        Body::Fifo => vec![Entry::File([].into())],
        Body::Directory { hard, pending, .. } => listings(hard, pending)
            .into_iter()
            .flat_map(|names| combinations(world, &names))
            .map(|names| Entry::Directory(names.into()))
            .collect(),
    }
}

/// A directory with these names, for every combination of what they may lead to.
fn combinations(world: &World, names: &Names) -> Vec<BTreeMap<OsString, Entry>> {
    let mut combined = vec![BTreeMap::new()];
    for (name, &id) in names {
        let choices = entries(world, id);
        let with = |mut others: BTreeMap<_, _>, entry: &Entry| {
            others.insert(name.clone(), entry.clone());
            others
        };
        combined = match &choices[..] {
            [only] => combined.into_iter().map(|others| with(others, only)).collect(),
            _ => combined
                .iter()
                .flat_map(|others| choices.iter().map(|entry| with(others.clone(), entry)))
                .collect(),
        };
    }
    combined
}

/// What may be left of a file's content. What was synced and has not changed since is there; of the rest, anything can be.
fn contents(soft: &[u8], hard: &[u8]) -> BTreeSet<Vec<u8>> {
    let same = soft.iter().zip(hard).take_while(|(soft, hard)| soft == hard).count();
    let (kept, soft, hard) = (&soft[..same], &soft[same..], &hard[same..]);
    if soft == hard {
        return [kept.to_vec()].into();
    }
    let half = &soft[..soft.len() / 2];
    let filled = |fill: u8| [half, &vec![fill; soft.len() - half.len()]].concat();
    let mut rests = vec![
        hard.to_vec(),
        soft.to_vec(),
        Vec::new(),
        half.to_vec(),
        soft[..soft.len().saturating_sub(1)].to_vec(),
        vec![0; soft.len()],
        filled(0),
        filled(b'{'),
    ];
    // What is appended to a synced file may be torn at every byte.
    if same > 0 {
        rests.extend((0..soft.len()).map(|length| soft[..length].to_vec()));
    }
    rests.into_iter().map(|rest| [kept, &rest].concat()).collect()
}

fn listings(hard: &Names, pending: &[Change]) -> BTreeSet<Names> {
    let mut listings = BTreeSet::from([hard.clone()]);
    for change in pending {
        let before: Vec<Names> = listings.iter().cloned().collect();
        for mut names in before {
            if let Change::Renamed(_, to, id) = change {
                let mut both = names.clone();
                both.insert(to.clone(), *id);
                listings.insert(both);
            }
            change.apply(&mut names);
            listings.insert(names);
        }
    }
    listings
}

impl Entry {
    /// What is at a path, links not followed.
    pub fn at(&self, path: &Path) -> Option<&Entry> {
        path.iter().skip(1).try_fold(self, |entry, name| match entry {
            Entry::Directory(names) => names.get(name),
            _ => None,
        })
    }

    /// A world that starts from this.
    pub fn mount(&self) -> World {
        let mut world = World::new();
        if let Entry::Directory(names) = self {
            fill(&mut world, ROOT, names);
        }
        world.settle();
        world
    }
}

fn fill(world: &mut World, dir: Id, names: &BTreeMap<OsString, Entry>) {
    for (name, entry) in names {
        let (body, mode) = match entry {
            Entry::File(_) => (file(), 0o600),
            Entry::Directory(_) => (directory(), 0o700),
            Entry::Link(target) => (Body::Link(target.clone()), 0o777),
        };
        let id = world.create(body, mode);
        world.add(dir, name.clone(), id).expect("a directory");
        match entry {
            Entry::File(content) => world.set_content(id, content.to_vec()).expect("a file"),
            Entry::Directory(names) => fill(world, id, names),
            Entry::Link(_) => {}
        }
    }
}

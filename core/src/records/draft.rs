//! Mutations, and the draft of the next content that they are applied to in order.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::json::layout;
use crate::records::content::Content;
use crate::records::filter::Filter;
use crate::records::{Patch, Record};

/// One change that a caller asks for. It can be applied more than once: a commit starts over where the
/// file changed under it.
#[derive(Clone, Debug)]
pub enum Mutation<R> {
    /// Adds a record, or replaces the first one with its id and drops further ones.
    Put {
        /// The new record, or why there is none.
        record: Result<Arc<R>, Error>,
        /// More records than this are pruned afterwards; `None` prunes nothing.
        cap: Option<usize>,
    },
    /// The same with a record that is still JSON text; the writer's thread makes it a [`Put`](Mutation::Put).
    PutText {
        /// JSON text of the record.
        text: String,
        /// As for `Put`.
        cap: Option<usize>,
    },
    /// Merges fields into the first record with this id.
    Merge {
        /// The id, as WTF-8.
        id: Vec<u8>,
        /// The fields.
        patch: Patch,
    },
    /// Merges fields into the first record with an id, but only if it is still the very record that the caller
    /// has seen. Otherwise nothing is done, and the record that is there now is returned.
    MergeSeen {
        /// What the caller has seen.
        seen: Arc<R>,
        /// The fields.
        patch: Patch,
    },
    /// Removes every record with this id.
    Remove {
        /// The id, as WTF-8.
        id: Vec<u8>,
    },
    /// Removes the records that a filter lists.
    Clear {
        /// Which.
        filter: Filter,
    },
}

impl<R: Record> Mutation<R> {
    /// A [`Put`](Mutation::Put) of a record given as JSON text.
    pub fn put(text: &str, cap: Option<usize>) -> Self {
        Mutation::Put { record: R::create(text).map(Arc::new), cap }
    }

    /// Does what needs neither the lock nor the newest state.
    pub(crate) fn prepare(&mut self) {
        if let Mutation::PutText { text, cap } = self {
            *self = Mutation::put(text, *cap);
        }
    }

    /// Whether the mutation makes the data directory where there is none.
    pub fn creates(&self) -> bool {
        matches!(self, Mutation::Put { record: Ok(_), .. } | Mutation::PutText { .. })
    }
}

/// What one mutation did.
#[derive(Clone, Debug)]
pub struct Done<R> {
    /// How many records it added, changed or removed.
    pub count: usize,
    /// The record that was put or merged; the one that is there now where a merge met another than the one that
    /// was seen; the first removed one after a remove.
    pub record: Option<Arc<R>>,
    /// Records that a remove or a clear has removed.
    pub removed: Vec<Arc<R>>,
}

impl<R> Done<R> {
    fn nothing() -> Self {
        Done { count: 0, record: None, removed: Vec::new() }
    }
}

/// What a draft has done to the records of its base, for those who have to tell it to others.
#[derive(Clone, Debug)]
pub(crate) enum Change<'a, R> {
    /// This record was added at the end, or took the place of the one with its id.
    Put(Arc<R>),
    /// These fields were merged into the record with the id of this one.
    Set(Arc<R>, &'a Patch),
    /// The record with the id of this one was removed.
    Remove(Arc<R>),
}

/// A new content, and what makes it differ from the one that it was made from.
pub(crate) type Made<'a, R> = (Content<R>, Vec<Change<'a, R>>);

/// A content in the making.
#[derive(Debug)]
pub(crate) struct Draft<'a, R> {
    base: &'a Content<R>,
    /// `None` where a record was removed; new ones are behind the base's.
    records: Vec<Option<Arc<R>>>,
    live: usize,
    /// Places that differ from the base's: `None` where the id is gone.
    places: HashMap<Arc<[u8]>, Option<usize>>,
    changes: Vec<Change<'a, R>>,
    /// The cap of the additions since the last pruning, if any.
    prune_to: Option<usize>,
    pruned: Vec<Arc<R>>,
}

impl<'a, R: Record> Draft<'a, R> {
    pub fn new(base: &'a Content<R>) -> Self {
        Draft {
            base,
            records: base.records().iter().cloned().map(Some).collect(),
            live: base.records().len(),
            places: HashMap::new(),
            changes: Vec::new(),
            prune_to: None,
            pruned: Vec::new(),
        }
    }

    /// Applies one mutation. One that is refused changes nothing.
    pub fn apply(&mut self, mutation: &'a Mutation<R>) -> Result<Done<R>, Error> {
        // Pruning once after a run of additions leaves the same records as pruning after each of them, as
        // long as nothing else comes in between.
        match mutation {
            Mutation::Put { record: Ok(record), cap }
                if self.place(record.id()).is_none() && self.prune_to.is_none_or(|to| Some(to) == *cap) => {}
            _ => self.retain(),
        }
        match mutation {
            Mutation::Put { record, cap } => Ok(self.put(record.clone()?, *cap)),
            Mutation::PutText { text, cap } => Ok(self.put(Arc::new(R::create(text)?), *cap)),
            Mutation::Merge { id, patch } => self.merge(id, patch),
            Mutation::MergeSeen { seen, patch } => match self.get(seen.id()) {
                Some(now) if now.text() == seen.text() => self.merge(seen.id(), patch),
                now => Ok(Done { record: now.cloned(), ..Done::nothing() }),
            },
            Mutation::Remove { id } => Ok(self.remove(id)),
            Mutation::Clear { filter } => Ok(self.clear(filter)),
        }
    }

    /// The new content and what makes it differ from the base; `None` where nothing changed.
    pub fn finish(mut self) -> Option<Made<'a, R>> {
        self.retain();
        if self.changes.is_empty() {
            return None;
        }
        let same_places = self.places.is_empty();
        let records = self.records.into_iter().flatten().collect();
        let content =
            if same_places { Content::with_places_of(self.base, records) } else { Content::of(records) };
        Some((content, self.changes))
    }

    /// Meets the cap of the additions so far, and returns what retention has removed since the last call.
    pub fn prune(&mut self) -> Vec<Arc<R>> {
        self.retain();
        std::mem::take(&mut self.pruned)
    }

    fn place(&self, id: &[u8]) -> Option<usize> {
        self.places.get(id).copied().unwrap_or_else(|| self.base.place(id))
    }

    fn get(&self, id: &[u8]) -> Option<&Arc<R>> {
        self.records[self.place(id)?].as_ref()
    }

    /// The places of all records with this id, the first one first.
    fn all_places(&self, id: &[u8]) -> Vec<usize> {
        let Some(first) = self.place(id) else { return Vec::new() };
        if !self.base.has_twins() {
            return vec![first];
        }
        let same = |record: &Option<Arc<R>>| record.as_ref().is_some_and(|record| **record.id() == *id);
        (first..self.records.len()).filter(|&place| same(&self.records[place])).collect()
    }

    fn put(&mut self, record: Arc<R>, cap: Option<usize>) -> Done<R> {
        self.changes.push(Change::Put(record.clone()));
        self.prune_to = cap;
        let done = Done { count: 1, record: Some(record.clone()), removed: Vec::new() };
        let places = self.all_places(record.id());
        if let Some((&first, twins)) = places.split_first() {
            self.records[first] = Some(record);
            for &twin in twins {
                self.take(twin);
            }
        } else {
            self.places.insert(record.id().clone(), Some(self.records.len()));
            self.records.push(Some(record));
            self.live += 1;
        }
        done
    }

    fn merge(&mut self, id: &[u8], patch: &'a Patch) -> Result<Done<R>, Error> {
        let (Some(place), Some(old)) = (self.place(id), self.get(id)) else { return Ok(Done::nothing()) };
        let merged = old.merge(patch)?;
        if layout::has_same_tokens(old.text(), merged.text()) {
            return Ok(Done { count: 1, record: Some(old.clone()), removed: Vec::new() });
        }
        let merged = Arc::new(merged);
        self.records[place] = Some(merged.clone());
        self.changes.push(Change::Set(merged.clone(), patch));
        Ok(Done { count: 1, record: Some(merged), removed: Vec::new() })
    }

    fn remove(&mut self, id: &[u8]) -> Done<R> {
        let places = self.all_places(id);
        let removed: Vec<_> = places.into_iter().filter_map(|place| self.take(place)).collect();
        Done { count: removed.len(), record: removed.first().cloned(), removed }
    }

    fn clear(&mut self, filter: &Filter) -> Done<R> {
        let (places, live): (Vec<usize>, Vec<Arc<R>>) = self.live_records().unzip();
        let listed: Vec<usize> = filter.select(&live).collect();
        let removed: Vec<_> = listed.into_iter().filter_map(|index| self.take(places[index])).collect();
        Done { count: removed.len(), record: None, removed }
    }

    fn live_records(&self) -> impl Iterator<Item = (usize, Arc<R>)> {
        self.records.iter().enumerate().filter_map(|(place, record)| Some((place, record.clone()?)))
    }

    /// Removes the record at a place.
    fn take(&mut self, place: usize) -> Option<Arc<R>> {
        let record = self.records[place].take()?;
        self.changes.push(Change::Remove(record.clone()));
        self.live -= 1;
        if self.place(record.id()) == Some(place) {
            let next = self.base.has_twins().then(|| self.next_with(record.id(), place)).flatten();
            self.places.insert(record.id().clone(), next);
        } else {
            // A later twin is gone. Its id keeps its place, but the base's map no longer fits the rest.
            self.places.insert(record.id().clone(), self.place(record.id()));
        }
        Some(record)
    }

    fn next_with(&self, id: &[u8], place: usize) -> Option<usize> {
        let same = |record: &Option<Arc<R>>| record.as_ref().is_some_and(|record| **record.id() == *id);
        (place + 1..self.records.len()).find(|&place| same(&self.records[place]))
    }

    /// Removes the oldest of the prunable records until the cap of the last additions is met.
    fn retain(&mut self) {
        let Some(cap) = self.prune_to.take() else { return };
        let excess = self.live.saturating_sub(cap);
        if excess == 0 {
            return;
        }
        let age = |(place, record): (usize, Arc<R>)| record.prunable_since().map(|since| (since, place));
        let mut oldest: Vec<(i64, usize)> = self.live_records().filter_map(age).collect();
        oldest.sort_unstable();
        for (_, place) in oldest.into_iter().take(excess) {
            let record = self.take(place);
            self.pruned.extend(record);
        }
    }
}

#[cfg(test)]
mod tests;

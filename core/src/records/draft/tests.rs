use proptest::prelude::*;

use super::*;
use crate::records::process::Process;

/// `id:status:day` for each record.
fn content(records: &[&str]) -> Content<Process> {
    Content::of(records.iter().map(|record| Arc::new(process(record))).collect())
}

fn process(record: &str) -> Process {
    let [id, status, day] = record.split(':').collect::<Vec<_>>().try_into().unwrap();
    let start = if day == "?" { "no date".into() } else { format!("2026-01-{day:0>2}T00:00:00.000Z") };
    Process::create(&format!(r#"{{"id":"{id}","status":"{status}","startTime":"{start}"}}"#)).unwrap()
}

fn put(record: &str, cap: Option<usize>) -> Mutation<Process> {
    Mutation::Put { record: Ok(Arc::new(process(record))), cap }
}

/// A draft borrows what it applies.
fn kept(mutation: Mutation<Process>) -> &'static Mutation<Process> {
    Box::leak(Box::new(mutation))
}

fn merge(id: &str) -> Mutation<Process> {
    let patch = Patch { text: r#"{"error":"e"}"#.into(), names: vec![b"error".to_vec()] };
    Mutation::Merge { id: id.into(), patch }
}

fn remove(id: &str) -> Mutation<Process> {
    Mutation::Remove { id: id.into() }
}

fn clear(filter: Filter) -> Mutation<Process> {
    Mutation::Clear { filter }
}

fn ids<'a>(records: impl IntoIterator<Item = &'a Arc<Process>>) -> String {
    let ids: Vec<_> = records.into_iter().map(|record| String::from_utf8_lossy(record.id())).collect();
    ids.join(" ")
}

/// The ids after the mutations, and those that were pruned.
fn after(base: &Content<Process>, mutations: &[Mutation<Process>]) -> (String, String) {
    let mut draft = Draft::new(base);
    for mutation in mutations {
        draft.apply(mutation).unwrap();
    }
    let pruned = ids(&draft.prune());
    (draft.finish().map_or("unchanged".into(), |(content, _)| ids(content.records())), pruned)
}

#[test]
fn what_changes_nothing_makes_no_new_content() {
    let base = content(&["a:running:1"]);
    let mut draft = Draft::new(&base);
    for mutation in [merge("nobody"), remove("nobody"), clear(Filter { limit: Some(0), ..Filter::default() })]
    {
        assert_eq!(draft.apply(kept(mutation)).unwrap().count, 0);
    }
    let refused = Mutation::Put { record: Err(Error::invalid("process", "is bad")), cap: Some(0) };
    assert_eq!(draft.apply(kept(refused)).unwrap_err(), Error::invalid("process", "is bad"));
    assert!(draft.finish().is_none());
}

#[test]
fn a_known_id_is_replaced_in_its_place() {
    let base = content(&["a:running:1", "b:running:2", "c:running:3"]);
    let mut draft = Draft::new(&base);
    draft.apply(kept(put("b:queued:9", None))).unwrap();
    let content = draft.finish().unwrap().0;
    assert_eq!(ids(content.records()), "a b c");
    assert_eq!(content.records()[1].status(), b"queued");
    assert!(Arc::ptr_eq(&content.records()[0], &base.records()[0]), "the others are not even copied");
}

#[test]
fn of_twins_a_merge_takes_the_first_and_an_addition_leaves_one() {
    let base = content(&["a:running:1", "t:running:2", "b:running:3", "t:queued:4", "t:failed:5"]);
    let mut draft = Draft::new(&base);
    let merged = draft.apply(kept(merge("t"))).unwrap().record.unwrap();
    assert_eq!(merged.status(), b"running");
    draft.apply(kept(put("t:completed:6", None))).unwrap();
    let content = draft.finish().unwrap().0;
    assert_eq!(ids(content.records()), "a t b");
    assert_eq!(content.place(b"t"), Some(1));
    assert_eq!(content.place(b"b"), Some(2));
    assert_eq!(content.records()[1].status(), b"completed");
}

#[test]
fn removing_and_clearing_take_all_twins() {
    let base = content(&["t:running:1", "a:running:2", "t:failed:3"]);
    let mut draft = Draft::new(&base);
    let done = draft.apply(kept(remove("t"))).unwrap();
    assert_eq!((done.count, done.record.unwrap().status()), (2, &b"running"[..]));
    assert_eq!(draft.apply(kept(merge("t"))).unwrap().count, 0);
    assert_eq!(draft.apply(kept(clear(Filter::default()))).unwrap().count, 1);
    assert!(draft.finish().unwrap().0.records().is_empty());
}

#[test]
fn when_the_first_twin_is_cleared_the_next_one_takes_its_place() {
    let base = content(&["t:failed:1", "a:running:2", "t:running:3"]);
    let failed = Filter { statuses: Some(vec![b"failed".to_vec()]), ..Filter::default() };
    let mut draft = Draft::new(&base);
    draft.apply(kept(clear(failed))).unwrap();
    assert_eq!(draft.apply(kept(merge("t"))).unwrap().record.unwrap().status(), b"running");
    let content = draft.finish().unwrap().0;
    assert_eq!((ids(content.records()), content.place(b"t")), ("a t".into(), Some(1)));
}

#[test]
fn clearing_removes_exactly_what_the_filter_lists() {
    let base = content(&["a:failed:1", "b:running:2", "c:failed:3", "d:failed:4"]);
    let page =
        Filter { statuses: Some(vec![b"failed".to_vec()]), limit: Some(1), offset: 1, ..Filter::default() };
    assert_eq!(after(&base, &[clear(page)]).0, "a b d");
}

#[test]
fn a_removed_id_can_be_added_again_at_the_end() {
    let base = content(&["a:running:1", "b:running:2"]);
    assert_eq!(after(&base, &[remove("a"), put("a:queued:3", None), merge("a")]).0, "b a");
}

#[test]
fn a_merge_is_done_only_to_the_very_record_that_was_seen() {
    let base = content(&["a:running:1"]);
    let patch = Patch { text: r#"{"error":"e"}"#.into(), names: vec![b"error".to_vec()] };
    let seen = |seen: &Arc<Process>| Mutation::MergeSeen { seen: seen.clone(), patch: patch.clone() };
    let mut draft = Draft::new(&base);
    assert_eq!(draft.apply(kept(seen(&base.records()[0]))).unwrap().count, 1);
    let second = draft.apply(kept(seen(&base.records()[0]))).unwrap();
    assert_eq!(second.count, 0);
    let now = second.record.expect("the record that is there now");
    assert_eq!(draft.apply(kept(seen(&now))).unwrap().count, 1);
    draft.apply(kept(remove("a"))).unwrap();
    let gone = draft.apply(kept(seen(&now))).unwrap();
    assert!(gone.count == 0 && gone.record.is_none());
}

#[test]
fn the_oldest_finished_records_are_pruned_and_the_order_stays() {
    let base = content(&["a:completed:5", "b:running:1", "c:failed:2", "d:cancelled:9"]);
    assert_eq!(after(&base, &[put("e:queued:1", Some(4))]), ("a b d e".into(), "c".into()));
    assert_eq!(after(&base, &[put("e:queued:1", Some(3))]), ("b d e".into(), "c a".into()));
    // The addition itself may be the oldest.
    assert_eq!(after(&base, &[put("e:completed:1", Some(4))]), ("a b c d".into(), "e".into()));
}

#[test]
fn among_equals_the_first_goes_first_and_what_has_no_date_before_all() {
    let base = content(&["a:failed:3", "b:failed:3", "c:failed:?", "d:failed:3"]);
    assert_eq!(after(&base, &[put("e:running:1", Some(4))]), ("a b d e".into(), "c".into()));
    assert_eq!(after(&base, &[put("e:running:1", Some(2))]), ("d e".into(), "c a b".into()));
}

#[test]
fn unfinished_and_unknown_statuses_stay_even_above_the_cap() {
    let base = content(&["a:running:1", "b:queued:1", "c:paused:1", "d:failed:1"]);
    assert_eq!(after(&base, &[put("e:running:2", Some(1))]), ("a b c e".into(), "d".into()));
    assert_eq!(after(&base, &[put("e:completed:2", Some(0))]), ("a b c".into(), "d e".into()));
    assert_eq!(after(&base, &[put("e:completed:2", None)]).0, "a b c d e");
}

#[test]
fn only_additions_prune() {
    let base = content(&["a:failed:1", "b:failed:2"]);
    assert_eq!(after(&base, &[merge("b")]), ("a b".into(), String::new()));
    // A replacement is an addition, too.
    assert_eq!(after(&base, &[put("b:failed:3", Some(1))]), ("b".into(), "a".into()));
}

proptest! {
    /// Pruning once for a run of additions is an economy that nobody may notice.
    #[test]
    fn one_pruning_for_many_additions_leaves_what_one_after_each_would(
        start in prop::collection::vec((0..5_usize, 0..4_usize, 1..5_usize), 0..6),
        added in prop::collection::vec((0..8_usize, 0..4_usize, 1..5_usize, 0..3_usize), 1..8),
    ) {
        let status = |index: usize| ["running", "completed", "failed", "paused"][index];
        let record = |id, index, day| format!("p{id}:{}:{day}", status(index));
        let start: Vec<String> = start.into_iter().map(|(id, index, day)| record(id, index, day)).collect();
        let base = content(&start.iter().map(String::as_str).collect::<Vec<_>>());
        let caps = [Some(2), Some(3), None];
        let puts: Vec<_> = added.iter().map(|&(id, index, day, cap)| put(&record(id, index, day), caps[cap])).collect();
        let mut at_once = Draft::new(&base);
        for put in &puts {
            at_once.apply(put).unwrap();
        }
        let mut one_by_one = Content::of(base.records().to_vec());
        for put in &puts {
            let mut draft = Draft::new(&one_by_one);
            draft.apply(put).unwrap();
            one_by_one = draft.finish().unwrap().0;
        }
        prop_assert_eq!(ids(at_once.finish().unwrap().0.records()), ids(one_by_one.records()));
    }
}

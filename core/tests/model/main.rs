//! Random histories of several stores on one directory, against a store that is simple enough to be right: the
//! same results, the same records, and the same file, byte for byte.

mod json;
mod reference;
#[path = "../simulated/mod.rs"]
mod simulated;

use std::path::Path;
use std::sync::Arc;

use file_process_store_core::{Filter, Mutation, Patch, Process, Record as _, Store, WriteOptions};
use json::{Json, Key, json, key, string};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use reference::{Call, DATES, Fields, Outcome, Record, Reference};
use simulated::{Client, World};

const DIR: &str = "/data";
const FILE: &str = "/data/processes.json";
const STATUSES: [&str; 6] = ["running", "queued", "completed", "failed", "cancelled", "paused"];
const WORKSPACES: [&str; 3] = ["w1", "w2", ""];
const KINDS: [&str; 2] = ["clarification", "code-review"];

/// One thing that happens to the file.
#[derive(Clone, Debug)]
enum Event {
    /// One of the stores is called, several times at once.
    Calls(usize, Vec<Call>),
    /// A person puts the records in another order, lays the file out anew, and may add a record in front.
    Rearranged(Option<Record>),
    /// Time passes.
    Pause,
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = Json> {
    prop::sample::select(texts).prop_map(string)
}

fn id() -> impl Strategy<Value = String> {
    (0..6).prop_map(|number| format!("p{number}"))
}

fn date() -> impl Strategy<Value = Json> {
    prop::sample::select(&DATES[..]).prop_map(|(date, _)| string(date))
}

fn metadata() -> impl Strategy<Value = Json> {
    let workspace = prop_oneof![
        3 => one_of(&WORKSPACES).prop_map(Some),
        1 => Just(Some(Json::Token("null".into()))),
        1 => Just(None),
    ];
    (workspace, json()).prop_map(|(workspace, value)| {
        let mut fields = vec![(key("type"), string("t")), (key("any"), value)];
        fields.extend(workspace.map(|workspace| (key("workspaceId"), workspace)));
        Json::Object(fields)
    })
}

/// Fields that a caller may name beside id, status and startTime.
fn more() -> impl Strategy<Value = Fields> {
    let field = prop_oneof![
        one_of(&KINDS).prop_map(|kind| (key("type"), kind)),
        one_of(&["p0", "p1"]).prop_map(|parent| (key("parentProcessId"), parent)),
        metadata().prop_map(|metadata| (key("metadata"), metadata)),
        json().prop_map(|value| (key("result"), value)),
        json().prop_map(|value| (key("x"), value)),
        json().prop_map(|value| (Key { name: "y".into(), token: r#""\u0079""#.into() }, value)),
    ];
    // A caller's object names a field once.
    prop::collection::vec(field, 0..5).prop_map(|mut fields: Fields| {
        fields.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        fields.dedup_by(|(one, _), (other, _)| one.name == other.name);
        fields
    })
}

fn put() -> impl Strategy<Value = Call> {
    let cap = prop_oneof![1 => Just(None), 3 => Just(Some(3)), 2 => (0_usize..6).prop_map(Some)];
    (more(), id(), one_of(&STATUSES), date(), cap, prop::bool::weighted(0.05)).prop_map(
        |(mut fields, id, status, start, cap, bad)| {
            let status = if bad { string("") } else { status };
            fields.extend([(key("startTime"), start), (key("status"), status), (key("id"), string(&id))]);
            Call::Put { fields, cap }
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let removed = prop::sample::subsequence(vec!["result", "x", "y", "metadata", "type"], 0..3);
    let merge = (id(), more(), removed, prop::option::of(one_of(&STATUSES)), 0..20).prop_map(
        |(id, mut set, remove, status, odd)| {
            set.extend(status.map(|status| (key("status"), status)));
            let mut remove: Vec<String> = remove.into_iter().map(str::to_owned).collect();
            remove.retain(|name| set.iter().all(|(key, _)| key.name != *name));
            match odd {
                0 => remove.push("startTime".into()),
                1 => set.push((key("id"), string("another"))),
                2 => set.push((key("id"), string(&id))),
                _ => {}
            }
            Call::Merge { id, set, remove }
        },
    );
    prop_oneof![
        5 => put(),
        4 => merge,
        2 => id().prop_map(|id| Call::Remove { id }),
        1 => filter().prop_map(|filter| Call::Clear { filter }),
    ]
}

fn filter() -> impl Strategy<Value = reference::Filter> {
    let text = |texts: &'static [&'static str]| {
        prop::option::weighted(0.3, prop::sample::select(texts).prop_map(str::to_owned))
    };
    let moment = || {
        prop::option::weighted(0.2, prop::sample::select(&DATES[..5]).prop_map(|(_, moment)| moment.unwrap()))
    };
    let statuses = prop::option::weighted(
        0.3,
        prop::collection::vec(prop::sample::select(&STATUSES[..]).prop_map(str::to_owned), 0..3),
    );
    (
        text(&WORKSPACES),
        statuses,
        text(&KINDS),
        text(&["p0", "p1"]),
        moment(),
        moment(),
        prop::option::of(0_usize..4),
        0_usize..3,
    )
        .prop_map(|(workspace, statuses, kind, parent, since, until, limit, offset)| reference::Filter {
            workspace,
            statuses,
            kind,
            parent,
            since,
            until,
            limit,
            offset,
        })
}

/// A record that no store wrote: duplicate keys, other orders, escaped names, a number for a type, anything beside.
fn by_hand() -> impl Strategy<Value = Record> {
    let oddities = prop::collection::vec((0..5, json()), 0..4);
    (id(), one_of(&STATUSES), date(), more(), oddities, one_of(&WORKSPACES), any::<bool>()).prop_map(
        |(id, status, start, more, oddities, tag, pretty)| {
            let mut process = more;
            let mut beside = Vec::new();
            process.push((key("startTime"), start));
            for (kind, value) in oddities {
                match kind {
                    0 => process.push((key("x"), value)),
                    1 => process.push((key("result"), value)),
                    2 => beside.push((key("note"), value)),
                    3 => process.push((key("type"), Json::Token("5".into()))),
                    _ => process.push((key("id"), Json::Token("null".into()))),
                }
            }
            process.push((Key { name: "id".into(), token: r#""\u0069d""#.into() }, string(&id)));
            process.push((key("status"), status));
            let mut entry =
                vec![(key("process"), Json::Object(process.clone())), (key("workspaceId"), tag.clone())];
            entry.extend(beside.clone());
            let entry = Json::Object(entry);
            let bytes = if pretty { entry.pretty(3) } else { entry.by_hand() };
            Record { tag, process, beside, bytes }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0_usize..3, prop::collection::vec(call(), 1..7)).prop_map(|(store, calls)| Event::Calls(store, calls)),
        1 => prop::option::of(by_hand()).prop_map(Event::Rearranged),
        1 => Just(Event::Pause),
    ]
}

fn mutation(call: &Call) -> Mutation<Process> {
    match call {
        Call::Put { fields, cap } => Mutation::put(&Json::Object(fields.clone()).compact(), *cap),
        Call::Merge { id, set, remove } => {
            let named = set.iter().map(|(key, _)| &key.name).chain(remove);
            let names = named.map(|name| name.clone().into_bytes()).collect();
            let text = Json::Object(set.clone()).compact();
            Mutation::Merge { id: id.clone().into_bytes(), patch: Patch { text, names } }
        }
        Call::Remove { id } => Mutation::Remove { id: id.clone().into_bytes() },
        Call::Clear { filter } => Mutation::Clear { filter: conditions(filter) },
    }
}

fn conditions(filter: &reference::Filter) -> Filter {
    let bytes = |text: &Option<String>| text.clone().map(String::into_bytes);
    Filter {
        workspace: bytes(&filter.workspace),
        parent: bytes(&filter.parent),
        statuses: filter
            .statuses
            .as_ref()
            .map(|any| any.iter().map(|status| status.clone().into_bytes()).collect()),
        kind: bytes(&filter.kind),
        since: filter.since,
        until: filter.until,
        limit: filter.limit,
        offset: filter.offset,
    }
}

/// The same calls on a store, in one batch.
fn apply(store: &Store, calls: &[Call]) -> (Vec<Result<usize, ()>>, Vec<String>) {
    let receipt =
        store.processes.apply(calls.iter().map(mutation).collect(), WriteOptions::default()).unwrap();
    let results = receipt.results.into_iter().map(|result| result.map(|done| done.count).map_err(drop));
    let pruned = receipt.pruned.iter().map(|record| String::from_utf8(record.id().to_vec()).unwrap());
    (results.collect(), pruned.collect())
}

/// Several additions may be pruned for at once, oldest first, so the order in a batch is not promised.
fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn rearrange(client: &Client, model: &mut Reference, added: Option<Record>) {
    if model.file.is_some() {
        model.records.reverse();
        model.records.splice(..0, added);
        let texts: Vec<&str> = model.records.iter().map(|record| &*record.bytes).collect();
        let text = format!(" [\t{}\r\n]\n", texts.join("\n,"));
        client.write_by_rename(Path::new(FILE), &text);
        model.file = Some(text);
    }
}

proptest! {
    // The seed of a failure is printed, and kept beside this file.
    #![proptest_config(ProptestConfig::with_failure_persistence(
        FileFailurePersistence::WithSource("proptest-regressions"),
    ))]

    #[test]
    fn stores_do_what_a_simple_list_does(
        start in prop::option::weighted(0.8, prop::collection::vec(by_hand(), 0..6)),
        events in prop::collection::vec(event(), 1..14),
        filters in prop::collection::vec(filter(), 4),
    ) {
        let client = Client::new(World::new());
        client.make_dirs(Path::new(DIR));
        let mut model = Reference::default();
        if let Some(records) = start {
            model = Reference { records, file: Some(String::new()) };
            rearrange(&client, &mut model, None);
        }
        let stores = [(); 3].map(|()| Store::on(Arc::new(client.another()), Path::new(DIR)));
        for event in events {
            match &event {
                Event::Rearranged(added) => rearrange(&client, &mut model, added.clone()),
                Event::Pause => client.wait(10_000_000_000),
                Event::Calls(store, calls) => {
                    let (results, pruned) = apply(&stores[*store], calls);
                    let outcomes = model.apply(calls);
                    let expected: Vec<_> = outcomes.iter().map(|outcome| outcome.result).collect();
                    prop_assert_eq!(results, expected);
                    let expected = outcomes.into_iter().flat_map(|Outcome { pruned, .. }| pruned);
                    prop_assert_eq!(sorted(pruned), sorted(expected.collect()));
                }
            }
            let file = client.content(Path::new(FILE)).map(|bytes| String::from_utf8(bytes).unwrap());
            prop_assert_eq!(&file, &model.file, "after {:?}", event);
            for store in &stores {
                let content = store.processes.read().unwrap();
                let bytes = content.records().iter().map(|record| record.text());
                prop_assert!(bytes.eq(model.records.iter().map(|record| record.bytes.as_bytes())));
                for filter in &filters {
                    let listed: Vec<usize> = conditions(filter).select(content.records()).collect();
                    prop_assert_eq!(listed, model.select(filter), "{:?}", filter);
                }
                for (place, record) in model.records.iter().enumerate() {
                    let first = model.records.iter().position(|other| other.id() == record.id()).unwrap();
                    prop_assert!(place >= first);
                    prop_assert_eq!(content.place(record.id().as_bytes()), Some(first));
                }
            }
        }
    }
}

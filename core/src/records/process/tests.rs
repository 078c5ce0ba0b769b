use super::*;
use crate::HostValue;

const MINIMAL: &str = r#"{"id":"a","status":"running","startTime":"2026-01-01T00:00:00.000Z"}"#;

fn created(text: &str) -> Process {
    Process::create(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(process: &Process) -> &str {
    std::str::from_utf8(process.text()).unwrap()
}

/// A record as it stands in some file.
fn stored(text: &str) -> Process {
    let (process, length) = Process::read(text.as_bytes()).unwrap_or_else(|flaw| panic!("{text}: {flaw:?}"));
    assert_eq!(length, text.len());
    process
}

fn patch(text: &str, removed: &[&str]) -> Patch {
    let fields = Fields::parse(text).unwrap();
    let set = fields.0.iter().map(|field| field.key.to_vec());
    Patch {
        names: set.chain(removed.iter().map(|name| name.as_bytes().to_vec())).collect(),
        text: text.into(),
    }
}

fn invalid(result: Result<Process, Error>) -> String {
    match result {
        Err(error @ Error::Invalid { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn known_fields_come_in_their_order_and_unknown_ones_behind_them_in_the_callers() {
    let mut fields: Vec<String> = FIELDS.iter().rev().map(|name| format!("\"{name}\":\"{name}\"")).collect();
    fields.insert(3, "\"zebra\":1".into());
    fields.insert(9, "\"ant\":2".into());
    let process = created(&format!("{{{}}}", fields.join(",")));
    let keys: Vec<&str> =
        shown(&process).lines().skip(3).filter_map(|line| line.trim().split('"').nth(1)).collect();
    let expected: Vec<&str> = FIELDS.into_iter().chain(["zebra", "ant"]).collect();
    assert_eq!(keys, expected);
}

#[test]
fn a_record_is_laid_out_as_json_stringify_would_in_the_file() {
    let process =
        created(r#"{"status":"queued","id":"a","startTime":"x","metadata":{"type":"t","n":[],"m":[1]}}"#);
    let expected = [
        "{",
        "    \"workspaceId\": \"\",",
        "    \"process\": {",
        "      \"id\": \"a\",",
        "      \"status\": \"queued\",",
        "      \"startTime\": \"x\",",
        "      \"metadata\": {",
        "        \"type\": \"t\",",
        "        \"n\": [],",
        "        \"m\": [",
        "          1",
        "        ]",
        "      }",
        "    }",
        "  }",
    ];
    assert_eq!(shown(&process), expected.join("\n"));
}

#[test]
fn the_tag_is_the_workspace_of_the_metadata() {
    let tagged = |metadata: &str| {
        let text = MINIMAL.replace("}", &format!(",\"metadata\":{metadata}}}"));
        String::from_utf8(created(&text).workspace().to_vec()).unwrap()
    };
    assert_eq!(tagged(r#"{"type":"t","workspaceId":"w"}"#), "w");
    assert_eq!(tagged(r#"{"type":"t","workspaceId":""}"#), "");
    assert_eq!(tagged(r#"{"type":"t","workspaceId":null}"#), "");
    assert_eq!(tagged(r#"{"type":"t"}"#), "");
    assert_eq!(tagged("null"), "");
    assert_eq!(tagged(r#"{"workspace\u0049d":"\u0077"}"#), "w");
    let number = MINIMAL.replace("}", r#","metadata":{"workspaceId":7}}"#);
    assert_eq!(invalid(Process::create(&number)), "process.metadata.workspaceId must be a string");
}

#[test]
fn what_no_record_can_be_is_refused() {
    let without = |field: &str, value: &str| MINIMAL.replace(&format!("\"{field}\":{value}"), "\"x\":1");
    for (text, message) in [
        (without("id", "\"a\""), "process expected an entry with process.id"),
        (without("status", "\"running\""), "process expected an entry with process.status"),
        (MINIMAL.replace("\"a\"", "\"\""), "process.id must not be empty"),
        (MINIMAL.replace("running", ""), "process.status must not be empty"),
        (MINIMAL.replace("\"a\"", "7"), "process expected process.id to be a string"),
    ] {
        assert_eq!(invalid(Process::create(&text)), message, "{text}");
    }
    for text in ["", "[]", "7", "{", "{}x"] {
        invalid(Process::create(text));
    }
}

#[test]
fn half_a_surrogate_pair_survives_in_ids_keys_and_values() {
    let text = MINIMAL
        .replace("\"a\"", r#""\ud83d""#)
        .replace("}", r#","\udc00":{"\ud800":"x\ud83d"},"error":"\ude00"}"#);
    let process = created(&text);
    assert_eq!(&**process.id(), [0xed, 0xa0, 0xbd]);
    let merged = process.merge(&patch(r#"{"result":"\udfff"}"#, &[])).unwrap();
    for kept in [
        r#""id": "\ud83d""#,
        r#""\udc00": {"#,
        r#""\ud800": "x\ud83d""#,
        r#""error": "\ude00""#,
        r#""\udfff""#,
    ] {
        assert!(shown(&merged).contains(kept), "{kept} in {}", shown(&merged));
    }
}

#[test]
fn an_id_is_the_same_however_it_is_spelled() {
    let process =
        stored(r#"{"workspaceId":"","process":{"\u0069d":"\u0061","status":"\u0078","startTime":""}}"#);
    assert_eq!(&**process.id(), b"a");
    assert_eq!(process.status(), b"x");
}

const BY_HAND: &str = r#"{ "process" : {"x":1.0e2, "status":"running" ,"big":123456789012345678901234567890,
    "id":"a","x":-0,"\u0072esult":"\u0041\/", "deep":{"__proto__":[ 1E400 ],"a":1,"a":2},"startTime":"yesterday"},
    "note":"kept", "workspaceId":"old\u0021" }"#;

#[test]
fn a_merge_keeps_every_token_that_it_does_not_name() {
    let merged = stored(BY_HAND).merge(&patch(r#"{"error":"e"}"#, &[])).unwrap();
    let expected = r#"{
    "workspaceId": "old\u0021",
    "process": {
      "id": "a",
      "status": "running",
      "startTime": "yesterday",
      "error": "e",
      "\u0072esult": "\u0041\/",
      "x": 1.0e2,
      "big": 123456789012345678901234567890,
      "x": -0,
      "deep": {
        "__proto__": [
          1E400
        ],
        "a": 1,
        "a": 2
      }
    },
    "note": "kept"
  }"#;
    assert_eq!(shown(&merged), expected);
}

#[test]
fn a_merge_replaces_a_field_however_it_is_spelled_and_all_of_its_duplicates() {
    let merged = stored(BY_HAND).merge(&patch(r#"{"result":null,"x":"new"}"#, &["deep", "nothing"])).unwrap();
    let text = shown(&merged);
    assert!(text.contains("\"result\": null,\n      \"x\": \"new\",\n      \"big\""), "{text}");
    assert!(!text.contains("-0") && !text.contains("u0072") && !text.contains("deep"));
}

#[test]
fn of_several_processes_in_an_entry_the_last_counts_whatever_the_others_are() {
    for other in ["null", "7", "1e999", "\"\\ud83d\"", "[{}]", r#"{"id":5}"#] {
        let entry = format!(r#"{{"process":{other},"workspaceId":"w","process":{MINIMAL},"x":1}}"#);
        let process = stored(&entry);
        assert_eq!(&**process.id(), b"a");
        assert!(matches!(process.host_fields().unwrap().known().next(), Some(HostValue::Text(_))));
        let merged = process.merge(&patch(r#"{"error":"e"}"#, &[])).unwrap();
        assert_eq!(&**merged.id(), b"a");
        let reversed = format!(r#"{{"workspaceId":"w","process":{MINIMAL},"process":{other}}}"#);
        assert!(Process::read(reversed.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn the_tag_follows_the_metadata_of_an_update_or_stays() {
    let old = stored(BY_HAND);
    let tag = |text: &str, removed: &[&str]| {
        String::from_utf8(old.merge(&patch(text, removed)).unwrap().workspace().to_vec()).unwrap()
    };
    assert_eq!(tag("{}", &[]), "old!");
    assert_eq!(tag(r#"{"metadata":{"type":"t","workspaceId":"new"}}"#, &[]), "new");
    assert_eq!(tag(r#"{"metadata":{"type":"t"}}"#, &[]), "old!");
    assert_eq!(tag("{}", &["metadata"]), "old!");
    let odd = stored(&BY_HAND.replace("\"big\"", "\"metadata\":{\"workspaceId\":7},\"big\""));
    assert_eq!(odd.merge(&patch(r#"{"error":"e"}"#, &[])).unwrap().workspace(), b"old!");
    let named = odd.merge(&patch(r#"{"metadata":{"workspaceId":8}}"#, &[]));
    assert_eq!(invalid(named), "updates.metadata.workspaceId must be a string");
}

#[test]
fn what_a_record_needs_can_be_neither_removed_nor_broken() {
    let old = stored(BY_HAND);
    for field in REQUIRED {
        assert_eq!(invalid(old.merge(&patch("{}", &[field]))), format!("updates.{field} can't be removed"));
    }
    for (text, message) in [
        (r#"{"id":"b"}"#, "updates.id must not change"),
        (r#"{"status":""}"#, "updates.status must not be empty"),
        (r#"{"status":null}"#, "updates expected process.status to be a string"),
        (r#"{"startTime":7}"#, "updates expected process.startTime to be a string"),
    ] {
        assert_eq!(invalid(old.merge(&patch(text, &[]))), message);
    }
    let same = old.merge(&patch(r#"{"id":"\u0061"}"#, &[])).unwrap();
    assert!(Arc::ptr_eq(same.id(), old.id()));
}

#[test]
fn filters_see_the_tag_the_status_the_type_and_the_start() {
    let text = MINIMAL.replace("}", r#","parentProcessId":"p","metadata":{"workspaceId":"w"}}"#);
    let process = created(&text);
    let start = 1_767_225_600_000;
    let some = |text: &str| Some(text.as_bytes().to_vec());
    let none = Filter::default();
    for (filter, listed) in [
        (none.clone(), true),
        (Filter { workspace: some("w"), ..none.clone() }, true),
        (Filter { workspace: some(""), ..none.clone() }, false),
        (Filter { parent: some("p"), ..none.clone() }, true),
        (Filter { parent: some("q"), ..none.clone() }, false),
        (Filter { kind: some("clarification"), ..none.clone() }, true),
        (Filter { kind: some("pipeline-item"), ..none.clone() }, false),
        (Filter { statuses: Some(vec![b"queued".to_vec(), b"running".to_vec()]), ..none.clone() }, true),
        (Filter { statuses: Some(vec![]), ..none.clone() }, false),
        (Filter { since: Some(start), ..none.clone() }, true),
        (Filter { since: Some(start + 1), ..none.clone() }, false),
        (Filter { until: Some(start + 1), ..none.clone() }, true),
        (Filter { until: Some(start), ..none.clone() }, false),
    ] {
        assert_eq!(process.matches(&filter), listed, "{filter:?}");
    }
}

#[test]
fn a_start_that_is_no_date_matches_neither_since_nor_until_and_is_the_oldest() {
    let process = stored(&BY_HAND.replace("running", "failed"));
    assert!(process.matches(&Filter::default()));
    assert!(!process.matches(&Filter { since: Some(i64::MIN), ..Filter::default() }));
    assert!(!process.matches(&Filter { until: Some(i64::MAX), ..Filter::default() }));
    assert_eq!(process.prunable_since(), Some(i64::MIN));
}

#[test]
fn only_finished_processes_are_ever_pruned() {
    for (status, prunable) in [
        ("completed", true),
        ("failed", true),
        ("cancelled", true),
        ("running", false),
        ("queued", false),
        ("paused", false),
        ("Completed", false),
    ] {
        let process = created(&MINIMAL.replace("running", status));
        assert_eq!(process.prunable_since().is_some(), prunable, "{status}");
    }
}

#[test]
fn a_type_that_is_no_string_is_no_reason_to_refuse_the_record_and_matches_nothing() {
    let process = stored(&BY_HAND.replace("\"big\"", "\"type\":5,\"big\""));
    assert!(!process.matches(&Filter { kind: Some(b"clarification".to_vec()), ..Filter::default() }));
    assert!(process.matches(&Filter::default()));
}

#[test]
fn deep_nesting_is_read_and_kept_and_only_refused_where_it_would_blow_up_the_file() {
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let process = stored(&BY_HAND.replace("1.0e2", &nested));
    assert!(shown(&process).contains(&nested));
    let shallower = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let process = created(&MINIMAL.replace("}", &format!(",\"x\":{shallower}}}")));
    assert!(process.merge(&patch(r#"{"error":"e"}"#, &[])).is_ok());
    // Objects too, whose keys and values take another way through the parser.
    let objects = format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    stored(&BY_HAND.replace("1.0e2", &objects));
}

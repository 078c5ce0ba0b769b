use proptest::prelude::*;

use super::*;
use crate::records::item::Item;
use crate::records::process::Process;

fn entry(id: &str) -> String {
    format!(
        "{{\"workspaceId\":\"w\",\"process\":{{\"id\":\"{id}\",\"status\":\"running\",\"startTime\":\"2026-01-01\",\"metadata\":{{\"a\":{{}}}}}}}}"
    )
}

/// A workspace whose tags have ids, laid out as a store writes it.
fn item(id: &str) -> String {
    let text = format!(
        r#"{{"id":"{id}","name":"{{ [\"","tags":[{{"id":"{id} 1","n":[{{"id":"deep"}}]}},{{"id":"{id} 2"}}],"more":{{"id":"more"}}}}"#
    );
    String::from_utf8(layout::pretty(&text, 1).unwrap().unwrap()).unwrap()
}

/// The same on one line, as no store writes it.
fn compact(id: &str) -> String {
    item(id).split('\n').map(str::trim_start).collect()
}

fn file(records: &[String]) -> String {
    format!("[\n  {}\n]", records.join(",\n  "))
}

fn ids<R: Record>(text: impl AsRef<[u8]>) -> (Vec<String>, usize) {
    let (content, lost) = salvage::<R>(text.as_ref()).unwrap();
    let ids = content.records().iter().map(|record| String::from_utf8_lossy(record.id()).into_owned());
    (ids.collect(), lost.len())
}

fn found(ids: &[&str], lost: usize) -> (Vec<String>, usize) {
    (ids.iter().map(|id| id.to_string()).collect(), lost)
}

#[test]
fn records_before_and_behind_the_damage_are_kept() {
    let (a, b, c) = (entry("a"), entry("b"), entry("c"));
    let whole = file(&[a.clone(), b.clone(), c.clone()]);
    for cut in 1..b.len() - 1 {
        let middle = file(&[a.clone(), b[..cut].to_owned(), c.clone()]);
        assert_eq!(ids::<Process>(&middle), found(&["a", "c"], 1), "{middle}");
        let end = &whole[..whole.find(&c).unwrap() + cut];
        assert_eq!(ids::<Process>(end), found(&["a", "b"], 1), "{end}");
    }
    assert_eq!(ids::<Process>(format!("{a}{b}")), found(&["a", "b"], 0));
    assert_eq!(ids::<Process>(format!("\0\0{a}\0")), found(&["a"], 2));
    assert_eq!(ids::<Process>(""), found(&[], 0));
}

#[test]
fn a_loss_is_told_by_where_it_begins_and_how_long_it_is() {
    let (b, c) = (&item("b")[..59], &item("c")[..9]);
    let text = file(&[item("a"), b.to_owned(), c.to_owned(), item("d"), "null".into()]);
    let (content, lost) = salvage::<Item>(text.as_bytes()).unwrap();
    assert_eq!(content.records().len(), 2);
    let places: Vec<_> = lost.iter().map(|loss| (loss.line, loss.column, loss.bytes)).collect();
    let line = |part: &str| text[..text.find(part).unwrap()].matches('\n').count() + 1;
    assert_eq!(places, [(line(b), 3, 59), (line(&format!("{c},")), 3, 9), (line("null"), 3, 4)]);
    assert_eq!(lost[2].expected, EXPECTED);
}

#[test]
fn what_a_damaged_record_holds_is_no_record() {
    let (b, whole) = (item("b"), file(&[item("a"), item("b"), item("c")]));
    let begin = whole.find(&b).unwrap();
    for place in begin..begin + b.len() {
        // One byte that is never right, and a block of them that goes to the end of the record at most.
        for length in [1, 40] {
            let mut bytes = whole.clone().into_bytes();
            bytes[place..(place + length).min(begin + b.len())].fill(0);
            assert_eq!(ids::<Item>(&bytes), found(&["a", "c"], 1), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// Whether this could be the beginning of a whole object.
fn reads_on(text: &str) -> bool {
    value_end(text.as_bytes(), 0).is_err_and(|flaw| flaw.offset == text.len())
}

#[test]
fn a_record_that_a_missing_piece_has_moved_is_kept() {
    let (b, c) = (item("b"), item("c"));
    for cut in 1..b.len() {
        // The comma, the line break and the margin may be missing, too.
        for between in [",\n  ", "\n  ", "  ", ""] {
            let before = format!("[\n  {},\n  {}{between}", item("a"), &b[..cut]);
            let text = format!("{before}{c},\n  {}\n]", item("d"));
            let at_margin = indentation(text.as_bytes(), before.len()) == Some(b"  ");
            // Elsewhere, in the place of a field's value, it can't be told from one.
            let is_value =
                b[..cut].trim_end().ends_with(':') && reads_on(&format!("{}{between}{c}", &b[..cut]));
            let is_moved = at_margin || !is_value;
            let expected: &[&str] = if is_moved { &["a", "c", "d"] } else { &["a", "d"] };
            assert_eq!(ids::<Item>(&text), found(expected, 1), "{text}");
        }
    }
}

#[test]
fn records_on_one_line_are_told_from_their_parts_by_what_was_read_and_by_what_follows() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(compact);
    for place in 1..b.len() - 1 {
        let mut text = format!("[{a},{b},{c},{d}]").into_bytes();
        text[1 + a.len() + 1 + place] = 0;
        assert_eq!(ids::<Item>(&text), found(&["a", "c", "d"], 1), "{}", String::from_utf8_lossy(&text));
    }
    for cut in 1..b.len() - 1 {
        let text = format!("[{a},{}{c},{d}]", &b[..cut]);
        if reads_on(&format!("{}{c}", &b[..cut])) {
            assert_eq!(ids::<Item>(&text).0[0], "a");
        } else {
            assert_eq!(ids::<Item>(&text), found(&["a", "c", "d"], 1), "{text}");
        }
    }
    // A cut at the end.
    let text = format!("[{a},{b},{c}");
    for cut in text.len() - c.len() + 1..text.len() {
        assert_eq!(ids::<Item>(&text[..cut]), found(&["a", "b"], 1), "{}", &text[..cut]);
    }
}

#[test]
fn entries_that_a_damaged_process_quotes_are_no_processes() {
    let quoting = |id: &str| {
        let entry = entry(id).replace("\"a\":{}", &format!("\"output\":[{},{}]", entry("a"), entry("old")));
        String::from_utf8(layout::pretty(&entry, 1).unwrap().unwrap()).unwrap()
    };
    let whole = file(&[entry("a"), quoting("b"), entry("c")]);
    assert_eq!(ids::<Process>(&whole), found(&["a", "b", "c"], 0));
    let begin = whole.find(&quoting("b")).unwrap();
    for place in begin..begin + quoting("b").len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] = 0xff;
        let (found, _) = ids::<Process>(&bytes);
        assert!(found == ["a", "c"], "{found:?}: {}", String::from_utf8_lossy(&bytes));
        // The end of the file may be missing as well.
        bytes.truncate(whole.len() - 20);
        assert_eq!(ids::<Process>(&bytes).0, ["a"], "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn parts_of_a_record_that_was_cut_off_as_well_are_no_records() {
    let text = file(&[item("a"), item("b")]).into_bytes();
    let b = file(&[item("a"), item("b")]).find("\"id\": \"b\"").unwrap();
    for cut in b + 1..text.len() {
        let mut text = text[..cut].to_vec();
        text[b] = 0;
        assert_eq!(ids::<Item>(&text), found(&["a"], 1), "{}", String::from_utf8_lossy(&text));
    }
}

/// Entries that hold objects, arrays and text with JSON in it, as a store writes them or on one line.
fn rich(id: &str, on_one_line: bool) -> String {
    let process = format!(
        r#"{{"id":"{id}","status":"running","startTime":"2026-01-01","metadata":{{"n":[1,{{"deep":[[],{{}}]}}]}},"conversationTurns":[{{"role":"user","content":"c"}},{{"role":"tool"}}],"a":"{{\"workspaceId\": \"\", \"process\": {{"}}"#
    );
    let entry = format!(r#"{{"workspaceId":"w","process":{process}}}"#);
    if on_one_line { entry } else { String::from_utf8(layout::pretty(&entry, 1).unwrap().unwrap()).unwrap() }
}

/// Where pieces of a file may be missing: a few lengths everywhere, and every length up to where records meet.
fn blanks(whole: &str) -> Vec<std::ops::Range<usize>> {
    let everywhere = (1..whole.len()).flat_map(|from| [1, 11, 37].map(|length| from..from + length));
    let begins = memchr::memmem::find_iter(whole.as_bytes(), b"},").map(|end| end + 2);
    let up_to = begins.flat_map(|begin| {
        (begin..begin + 5).flat_map(|until| (1..64).map(move |length| until.saturating_sub(length)..until))
    });
    everywhere.chain(up_to).filter(|range| range.start > 0 && range.end <= whole.len()).collect()
}

#[test]
fn whole_entries_are_kept_wherever_blanks_have_swallowed_a_piece() {
    for on_one_line in [true, false] {
        let records = ["a", "b", "c", "d"].map(|id| rich(id, on_one_line));
        let whole = if on_one_line { format!("[{}]", records.join(",")) } else { file(&records) };
        let places = records.map(|record| {
            let start = whole.find(&record).unwrap();
            start..start + record.len()
        });
        for blanked in blanks(&whole) {
            let mut bytes = whole.clone().into_bytes();
            bytes[blanked.clone()].fill(b' ');
            if Content::<Process>::parse(&bytes, &Arc::new(Content::empty())).is_ok() {
                continue;
            }
            let expected: Vec<_> = ["a", "b", "c", "d"]
                .into_iter()
                .zip(&places)
                .filter(|(_, place)| blanked.end <= place.start || blanked.start >= place.end)
                .map(|(id, _)| id.to_owned())
                .collect();
            // What the damage has touched may be left as an entry with less in it.
            let mut found = ids::<Process>(&bytes).0;
            found.dedup();
            assert!(found.iter().all(|id| ["a", "b", "c", "d"].contains(&id.as_str())), "{found:?}");
            found.retain(|id| expected.contains(id));
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn a_colon_in_a_text_that_runs_on_makes_no_value_of_a_record() {
    for colon in ["note:", r#"{\"note\":"#, r#"{\"note\" :"#] {
        let text = format!("[{},{{\"id\":\"b\",\"name\":\"{colon}   {},{}]", item("a"), item("c"), item("d"));
        assert_eq!(ids::<Item>(&text).0, ["a", "c", "d"], "{text}");
    }
}

#[test]
fn parts_are_no_records_where_the_beginning_or_the_end_of_theirs_is_missing() {
    let [a, b, c] = ["a", "b", "c"].map(compact);
    // Of the first one all is missing up to its tags.
    let tags = &a[a.find("[{").unwrap()..];
    assert_eq!(ids::<Item>(format!("[   {tags},{b},{c}]")).0, ["b", "c"]);
    // Of the last one the end is.
    let cut = &c[..c.len() - 1];
    assert!(cut.ends_with('}'));
    for damaged in [cut.to_owned(), cut.replace("\"tags\"", "\0")] {
        assert_eq!(ids::<Item>(format!("[{a},{b},{damaged} ]")).0, ["a", "b"], "{damaged}");
    }
    // The loss begins with the brace.
    let whole = file(&[item("a"), item("b")]);
    let tag = whole.find("{\n        \"id\": \"a 1\"").unwrap();
    let (content, lost) = salvage::<Item>(format!("[\n      {}", &whole[tag..]).as_bytes()).unwrap();
    assert_eq!((content.records().len(), lost.len(), lost[0].line, lost[0].column), (1, 1, 2, 7));
    // An entry in a field, behind the flaw and with another one behind it.
    let text = format!("[{},{{\"x\":\0,\"old\":{}\0}},{}]", entry("a"), entry("a"), entry("c"));
    assert_eq!(ids::<Process>(&text).0, ["a", "c"]);
}

#[test]
fn parts_with_an_id_are_no_workspaces_wherever_blanks_have_swallowed_a_piece() {
    let whole = file(&["a", "b", "c"].map(item));
    for blanked in blanks(&whole) {
        let mut bytes = whole.clone().into_bytes();
        bytes[blanked.clone()].fill(b' ');
        if Content::<Item>::parse(&bytes, &Arc::new(Content::empty())).is_ok() {
            continue;
        }
        for record in salvage::<Item>(&bytes).unwrap().0.records() {
            let start = memchr::memmem::find(&bytes, record.text()).unwrap();
            let is_touched = start < blanked.end && blanked.start < start + record.text().len();
            let is_record = [&b"a"[..], b"b", b"c"].contains(&&**record.id());
            assert!(is_record || is_touched, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn records_that_are_no_entries_are_lost_as_a_whole() {
    let (a, c) = (entry("a"), entry("c"));
    let text =
        file(&[a, format!("{{\"workspaceId\":5,\"process\":{},\"list\":[{}]}}", entry("b"), entry("x")), c]);
    let (content, lost) = salvage::<Process>(text.as_bytes()).unwrap();
    assert_eq!(content.records().len(), 2);
    assert_eq!((lost.len(), lost[0].line), (1, 3));
    assert_eq!(lost[0].expected, "expected workspaceId to be a string");
}

#[test]
fn records_in_an_envelope_are_found() {
    let text = format!("{{\"version\":{{\"id\":\"v\"}},\"items\":[{},{}]}}", compact("a"), item("b"));
    assert_eq!(ids::<Item>(&text).0, ["a", "b"]);
}

#[test]
fn other_margins_than_ours_are_kept_to() {
    let indent = |text: &str, by: &str| text.replace("  ", by);
    for by in ["\t", "    ", " "] {
        let whole = indent(&file(&[item("a"), item("b"), item("c")]), by);
        let b = whole.find("\"id\": \"b 2\"").unwrap();
        let mut bytes = whole.clone().into_bytes();
        bytes[b] = b'x';
        assert_eq!(ids::<Item>(&bytes), found(&["a", "c"], 1), "{by:?}");
    }
}

proptest! {
    #[test]
    fn whatever_the_damage_losses_lie_in_the_text_in_order(
        pieces in proptest::collection::vec((0..2000usize, 0..200usize, any::<u8>()), 1..8),
    ) {
        let whole = file(&[item("a"), entry("b"), item("c")]).into_bytes();
        let mut text = Vec::new();
        for (from, length, odd) in pieces {
            let from = from % whole.len();
            text.extend_from_slice(&whole[from..(from + length).min(whole.len())]);
            text.push(odd);
        }
        for lost in [salvage::<Item>(&text).unwrap().1, salvage::<Process>(&text).unwrap().1] {
            let mut end = 0;
            for loss in lost {
                let lines = text.split_inclusive(|byte| *byte == b'\n');
                let start = lines.take(loss.line - 1).map(<[u8]>::len).sum::<usize>() + loss.column - 1;
                prop_assert!(start >= end && loss.bytes > 0);
                end = start + loss.bytes;
            }
            prop_assert!(end <= text.len());
        }
    }
}

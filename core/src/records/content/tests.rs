use super::*;
use crate::records::item::Item;
use crate::records::process::Process;

fn entry(id: &str) -> String {
    format!(
        "{{\"workspaceId\":\"w\",\"process\":{{\"id\":\"{id}\",\"status\":\"running\",\"startTime\":\"2026-01-01\"}}}}"
    )
}

fn read(text: impl AsRef<[u8]>) -> Result<Arc<Content<Process>>, Flaw> {
    Content::parse(text.as_ref(), &Arc::new(Content::empty()))
}

fn written(content: &Content<Process>) -> String {
    String::from_utf8(content.parts().concat()).unwrap()
}

#[test]
fn a_file_is_put_together_from_the_bytes_of_its_records() {
    let (a, b) = (entry("a"), entry("b").replace(',', " ,\n"));
    let content = read(format!("[ {a},{b}\n\n]\n")).unwrap();
    assert_eq!(written(&content), format!("[\n  {a},\n  {b}\n]"));
    assert_eq!(content.size(), written(&content).len() as u64);
    for empty in ["[]", " [\r\n\t] "] {
        let content = read(empty).unwrap();
        assert_eq!((written(&content), content.size()), ("[]".into(), 2));
    }
}

#[test]
fn records_that_have_not_changed_are_taken_over_and_so_is_the_whole() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(entry);
    let before = read(format!("[{a},{b},{c}]")).unwrap();
    let again = Content::parse(format!("[\n{a},\n{b},\n{c}]").as_bytes(), &before).unwrap();
    assert!(Arc::ptr_eq(&before, &again), "white space between records is nobody's");
    let kept = |text: String| -> Vec<usize> {
        let content = Content::parse(text.as_bytes(), &before).unwrap();
        let old =
            |record: &Arc<Process>| before.records().iter().position(|known| Arc::ptr_eq(known, record));
        content.records().iter().filter_map(old).collect()
    };
    assert_eq!(kept(format!("[{a},{c}]")), [0], "the one behind a gap is read anew");
    assert_eq!(kept(format!("[{a},{b},{c},{d}]")), [0, 1, 2]);
    assert_eq!(kept(format!("[{},{b},{c}]", a.replace("running", "failed"))), [1, 2]);
    assert_eq!(kept(format!("[{d},{a},{b},{c}]")), [0, 1, 2]);
    assert_eq!(kept(format!("[{}]", d)), [0_usize; 0]);
    // Fewer records, in their places, are not the same content.
    let shorter = Content::parse(format!("[{a},{b}]").as_bytes(), &before).unwrap();
    assert_eq!(shorter.records().len(), 2);
}

#[test]
fn of_twins_the_first_is_found_and_both_are_listed() {
    let content = read(format!("[{},{},{}]", entry("a"), entry("t"), entry("t"))).unwrap();
    assert!(content.has_twins());
    assert_eq!((content.records().len(), content.place(b"t"), content.place(b"x")), (3, Some(1), None));
    assert!(!read(format!("[{}]", entry("a"))).unwrap().has_twins());
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_where_it_ends() {
    let text = format!("[\n  {},\n  {}\n]", entry("a"), entry("\\u00e9\u{e9}"));
    assert!(read(&text).is_ok());
    for end in 0..text.len() {
        let flaw = read(&text.as_bytes()[..end]).unwrap_err();
        // Within a character that is cut in two, the flaw is where the character begins.
        let whole = (0..=end).rev().find(|&at| text.is_char_boundary(at)).unwrap();
        assert!(flaw.offset == end || flaw.offset == whole, "cut at {end}: {flaw:?}");
    }
}

/// Each text is refused at its mark, which is not part of it.
#[test]
fn every_kind_of_damage_is_refused_at_its_place() {
    let a = entry("a");
    let inside =
        |damaged: &str| format!("[\n  {a},\n  {{\"workspaceId\":\"w\",\n   \"process\":{damaged}}}\n]");
    for text in [
        "¦".into(),
        "¦null".into(),
        "¦{}".into(),
        "  ¦\"[]\"".into(),
        "\u{feff}¦\u{feff}[]".into(),
        "¦<<<<<<< HEAD\n[]".into(),
        format!("[\n¦<<<<<<< HEAD\n{a}\n]"),
        "[] ¦[]".into(),
        format!("[{a}]\n¦x"),
        format!("[{a}]¦\0"),
        "¦\0\0\0\0".into(),
        "[¦\0]".into(),
        "[¦1]".into(),
        "[¦null]".into(),
        "[¦[]]".into(),
        format!("[{a} ¦{a}]"),
        format!("[{a},¦]"),
        format!("[¦,{a}]"),
        "[¦{}]".into(),
        "[¦{\"workspaceId\":\"w\"}]".into(),
        "[{\"workspaceId\":¦7,\"process\":{\"id\":\"a\",\"status\":\"s\",\"startTime\":\"t\"}}]".into(),
        inside("¦[]"),
        inside("null¦"),
        inside("{\"id\":¦12,\"status\":\"s\",\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\"status\":¦null,\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\"status\":\"s\",\"startTime\":¦{}}"),
        inside("{\"id\":\"a\"¦ \"status\":\"s\",\"startTime\":\"t\"}").replace("¦ ", " ¦"),
        inside("{\"id\":\"a\",\"status\":\"s\",\"startTime\":\"t\",¦}"),
        inside("{\"id\":\"a\",\"x\":0¦1,\"status\":\"s\",\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\"x\":\"\\¦x\",\"status\":\"s\",\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\"x\":\"a¦\nb\",\"status\":\"s\",\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\n¦=======\n\"status\":\"s\",\"startTime\":\"t\"}"),
        inside("{\"id\":\"a\",\"x\":[1,2¦},\"status\":\"s\",\"startTime\":\"t\"}"),
    ] {
        let mark = text.find('¦').unwrap();
        let damaged = text.replacen('¦', "", 1);
        let flaw = read(&damaged).unwrap_err();
        assert_eq!(flaw.offset, mark, "{damaged:?}: {flaw:?}");
        assert!(flaw.expected.contains("expected"), "{flaw:?}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_refused_at_their_place() {
    let whole = format!("[{}]", entry("aXb"));
    let at = whole.find('X').unwrap();
    for bad in [&b"\xff"[..], b"\xc3", b"\xed\xa0\xbd", b"\xf8\x88\x80\x80\x80", b"\x80"] {
        let bytes = [&whole.as_bytes()[..at], bad, &whole.as_bytes()[at + 1..]].concat();
        assert_eq!(read(&bytes).unwrap_err().offset, at, "{bad:x?}");
        // In a field that no index needs, too.
        let text = entry("a").replace("\"status\"", "\"x\":\"X\",\"status\"");
        let at = text.find('X').unwrap();
        let bytes = [b"[", &text.as_bytes()[..at], bad, &text.as_bytes()[at + 1..], b"]"].concat();
        assert_eq!(read(&bytes).unwrap_err().offset, at + 1, "{bad:x?}");
    }
}

#[test]
fn a_field_that_no_index_needs_is_not_judged() {
    for odd in [
        "\"endTime\":\"never\"",
        "\"type\":{}",
        "\"metadata\":7",
        "\"conversationTurns\":null",
        "\"parentProcessId\":[]",
    ] {
        assert!(
            read(format!("[{}]", entry("a").replace("\"status\"", &format!("{odd},\"status\"")))).is_ok(),
            "{odd}"
        );
    }
}

#[test]
fn registries_are_read_by_the_same_rules() {
    let read = |text: &str| Content::<Item>::parse(text.as_bytes(), &Arc::new(Content::empty()));
    assert_eq!(read(r#"[{"id":"a"}, {"id":"b","x":[[]]}]"#).unwrap().records().len(), 2);
    for (text, offset) in [("[{}]", 1), (r#"[{"id":1}]"#, 7), ("[{\"id\":\"a\"}", 11), ("{}", 0)] {
        assert_eq!(read(text).unwrap_err().offset, offset, "{text}");
    }
}

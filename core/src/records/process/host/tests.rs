use super::*;

fn decoded(process: &str) -> HostFields {
    HostFields::of(format!("{{\"workspaceId\":\"w\",\"process\":{process},\"beside\":1}}").as_bytes())
        .unwrap()
}

fn field<'a>(fields: &'a HostFields, name: &str) -> HostValue<'a> {
    fields.known().nth(FIELDS.iter().position(|known| *known == name).unwrap()).unwrap()
}

fn ascii(text: &str) -> HostText<'_> {
    HostText::Latin1(text.as_bytes())
}

#[test]
fn each_field_comes_in_the_form_that_it_should_have() {
    let fields = decoded(
        r#"{"id":"a","startTime":"2026-01-01T00:00:00.000Z","endTime":"soon","metadata":{"a": 1},"result":"\ud83d"}"#,
    );
    assert_eq!(field(&fields, "id"), HostValue::Text(ascii("a")));
    assert_eq!(field(&fields, "startTime"), HostValue::Date(1_767_225_600_000));
    // Perhaps JS can read this date; the text is left to it.
    assert_eq!(field(&fields, "endTime"), HostValue::Text(ascii("soon")));
    assert_eq!(field(&fields, "metadata"), HostValue::Json(ascii(r#"{"a": 1}"#)));
    assert_eq!(field(&fields, "result"), HostValue::Text(HostText::Utf16(&[0xd83d])));
    assert_eq!(field(&fields, "fullPrompt"), HostValue::Absent);
    assert_eq!(fields.rest(), None);
    assert_eq!(fields.size(), "a".len() + "soon".len() + r#"{"a": 1}"#.len() + 2);
}

#[test]
fn unknown_fields_and_odd_values_come_as_json_in_their_order() {
    let fields = decoded(
        r#"{"b":1,"error":7,"groupMetadata":"odd","__proto__":{ "x":1},"startTime":null,"b":2,"metadata":null}"#,
    );
    for odd in ["error", "groupMetadata", "startTime", "metadata"] {
        assert_eq!(field(&fields, odd), HostValue::Absent);
    }
    let rest = r#"{"b":1,"error":7,"groupMetadata":"odd","__proto__":{ "x":1},"startTime":null,"b":2,"metadata":null}"#;
    assert_eq!(fields.rest(), Some(ascii(rest)));
}

#[test]
fn of_duplicates_the_last_counts() {
    let fields = decoded(r#"{"error":"one","error":2,"result":1,"r\u0065sult":"two","id":"a","id":"b"}"#);
    assert_eq!(field(&fields, "error"), HostValue::Absent);
    assert_eq!(field(&fields, "result"), HostValue::Text(ascii("two")));
    assert_eq!(field(&fields, "id"), HostValue::Text(ascii("b")));
    assert_eq!(fields.rest(), Some(ascii(r#"{"error":2}"#)));
}

use super::*;

fn patch(text: &str, removed: &[&str]) -> Patch {
    let fields = Fields::parse(text).unwrap();
    let set = fields.0.iter().map(|field| field.key.to_vec());
    Patch {
        names: set.chain(removed.iter().map(|name| name.as_bytes().to_vec())).collect(),
        text: text.into(),
    }
}

fn shown(item: &Item) -> &str {
    std::str::from_utf8(item.text()).unwrap()
}

#[test]
fn any_object_with_a_text_for_an_id_is_an_item_and_keeps_its_order() {
    let item = Item::create(r#"{"name":"N","id":"a","more":{"x":[]},"rootPath":"/"}"#).unwrap();
    let expected = "{\n    \"name\": \"N\",\n    \"id\": \"a\",\n    \"more\": {\n      \"x\": []\n    },\n    \"rootPath\": \"/\"\n  }";
    assert_eq!(shown(&item), expected);
    assert_eq!(&**item.id(), b"a");
}

#[test]
fn what_has_no_usable_id_is_refused() {
    for (text, message) in [
        (r#"{"name":"N"}"#, "info expected an object with an id"),
        (r#"{"id":7}"#, "info expected id to be a string"),
        (r#"{"id":""}"#, "info.id must not be empty"),
    ] {
        assert_eq!(Item::create(text).unwrap_err().to_string(), message);
    }
    for text in ["", "[]", "null", "{", "{} {}"] {
        assert!(matches!(Item::create(text), Err(Error::Invalid { .. })), "{text}");
    }
}

#[test]
fn reading_tells_the_place_of_the_flaw() {
    let flaw = |text: &[u8]| match Item::read(text).unwrap_err() {
        Unread::Flaw(flaw) => flaw,
        Unread::System(error) => panic!("{error}"),
    };
    assert_eq!(flaw(br#"{"id": 7}"#), Flaw::new(7, "expected id to be a string"));
    assert_eq!(flaw(br#"{"id": "a", "b" 1}"#).offset, 16);
    assert_eq!(flaw(b"[]").offset, 0);
    assert_eq!(flaw(b"{\"id\":\"a\",\"b\":\"\xff\"}").offset, 15);
    // An empty id is odd, but no reason to refuse a file.
    assert!(Item::read(br#"{"id":""}, and more"#).is_ok_and(|(_, length)| length == 9));
}

#[test]
fn a_merge_keeps_the_tokens_that_it_does_not_name() {
    let (item, _) =
        Item::read(br#"{ "x":1.0e2,"id" : "a", "description":null,"x":-0, "color":"red"}"#).unwrap();
    let merged = item.merge(&patch(r#"{"color":"blue","name":"N"}"#, &["description"])).unwrap();
    let expected = "{\n    \"x\": 1.0e2,\n    \"id\": \"a\",\n    \"x\": -0,\n    \"color\": \"blue\",\n    \"name\": \"N\"\n  }";
    assert_eq!(shown(&merged), expected);
}

#[test]
fn the_id_can_be_neither_removed_nor_changed() {
    let item = Item::create(r#"{"id":"a"}"#).unwrap();
    assert_eq!(
        item.merge(&patch("{}", &["id"])).unwrap_err(),
        Error::invalid("updates.id", "can't be removed")
    );
    assert_eq!(
        item.merge(&patch(r#"{"id":"b"}"#, &[])).unwrap_err(),
        Error::invalid("updates.id", "must not change")
    );
    assert!(item.merge(&patch(r#"{"id":"a"}"#, &[])).is_ok());
}

#[test]
fn items_are_neither_filtered_nor_pruned() {
    let item = Item::create(r#"{"id":"a","status":"failed"}"#).unwrap();
    assert!(item.matches(&Filter {
        workspace: Some(b"w".to_vec()),
        statuses: Some(vec![]),
        ..Filter::default()
    }));
    assert_eq!(item.prunable_since(), None);
}

use super::*;

fn applied(fields: &str, text: &str, names: &[&str]) -> Result<String, Error> {
    let mut fields = Fields::parse(fields).unwrap();
    let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let patch = Patch { text: text.into(), names };
    patch.apply(&mut fields, &["id"])?;
    let mut out = String::new();
    fields.write(&mut out).unwrap();
    Ok(out)
}

#[test]
fn what_is_named_and_not_given_is_removed_with_all_its_duplicates() {
    let result = applied(r#"{"a":1,"id":2,"\u0061":3,"b":4}"#, r#"{"b":5}"#, &["a", "b", "nothing"]);
    assert_eq!(result.unwrap(), r#"{"id":2,"b":5}"#);
}

#[test]
fn null_is_a_value_like_any_other() {
    assert_eq!(applied(r#"{"id":1,"a":2}"#, r#"{"a":null}"#, &["a"]).unwrap(), r#"{"id":1,"a":null}"#);
}

#[test]
fn new_fields_come_behind_in_the_order_of_the_patch() {
    let result = applied(r#"{"id":1,"a":2}"#, r#"{"z":3,"a":4,"__proto__":5}"#, &["z", "a", "__proto__"]);
    assert_eq!(result.unwrap(), r#"{"id":1,"a":4,"z":3,"__proto__":5}"#);
}

#[test]
fn what_is_required_can_be_replaced_and_not_removed() {
    assert_eq!(applied(r#"{"id":1}"#, r#"{"id":2}"#, &["id"]).unwrap(), r#"{"id":2}"#);
    assert_eq!(
        applied(r#"{"id":1}"#, "{}", &["id"]).unwrap_err(),
        Error::invalid("updates.id", "can't be removed")
    );
}

#[test]
fn a_patch_that_is_no_object_is_refused() {
    for text in ["", "[]", "7", "{\"a\":}"] {
        assert!(matches!(applied("{}", text, &[]), Err(Error::Invalid { .. })), "{text}");
    }
}

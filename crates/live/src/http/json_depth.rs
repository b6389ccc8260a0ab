//! How deep JSON is nested, told without building it.

/// Checks that arrays and objects of a text in JSON are nested `depth_max` deep at most. Says nothing about whether it
/// is JSON.
pub(crate) fn check_depth(json: &str, depth_max: usize) -> Result<(), String> {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return Err(format!("arrays and objects are nested more than {depth_max} deep"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = "[\\[\\]{}\"\\\\a]{0,6}".prop_map(Value::String);
        leaf.prop_recursive(5, 30, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec(("[{}\"]{0,3}", inner), 0..3)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_depth_is_that_of_the_value(value in value()) {
            let (text, depth) = (value.to_string(), depth(&value));
            prop_assert!(check_depth(&text, depth).is_ok());
            prop_assert!(depth == 0 || check_depth(&text, depth - 1).is_err());
        }
    }
}

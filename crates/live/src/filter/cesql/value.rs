//! Values and how they are cast.

use std::borrow::Cow;

use crate::cloud_event::AttributeValue;

/// A value while an expression is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'e> {
    Text(Cow<'e, str>),
    Integer(i32),
    Boolean(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Integer,
    Boolean,
}

impl<'e> Value<'e> {
    pub(super) fn as_type(&self) -> Type {
        match self {
            Value::Text(_) => Type::Text,
            Value::Integer(_) => Type::Integer,
            Value::Boolean(_) => Type::Boolean,
        }
    }

    /// Casts to another type, or returns `None` if there is no such value of that type.
    pub(super) fn cast(self, target: Type) -> Option<Value<'e>> {
        match target {
            Type::Text => Some(Value::Text(self.into_text())),
            Type::Integer => self.to_integer().map(Value::Integer),
            Type::Boolean => self.to_boolean().map(Value::Boolean),
        }
    }

    pub(super) fn to_integer(&self) -> Option<i32> {
        match self {
            Value::Text(text) => text.parse().ok(),
            Value::Integer(number) => Some(*number),
            Value::Boolean(truth) => Some(i32::from(*truth)),
        }
    }

    /// Casts to a boolean. Numbers can be cast as well, as the specification says and its test kit does not (D-601).
    pub(super) fn to_boolean(&self) -> Option<bool> {
        match self {
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::Text(_) => None,
            Value::Integer(number) => Some(*number != 0),
            Value::Boolean(truth) => Some(*truth),
        }
    }

    pub(super) fn into_text(self) -> Cow<'e, str> {
        match self {
            Value::Text(text) => text,
            Value::Integer(number) => number.to_string().into(),
            Value::Boolean(true) => "true".into(),
            Value::Boolean(false) => "false".into(),
        }
    }
}

impl<'e> From<&'e AttributeValue> for Value<'e> {
    fn from(value: &'e AttributeValue) -> Value<'e> {
        match value {
            AttributeValue::Text(text) => Value::Text(text.as_str().into()),
            AttributeValue::Integer(number) => Value::Integer(*number),
            AttributeValue::Boolean(truth) => Value::Boolean(*truth),
        }
    }
}

impl From<Value<'_>> for AttributeValue {
    fn from(value: Value) -> AttributeValue {
        match value {
            Value::Text(text) => AttributeValue::Text(text.into_owned()),
            Value::Integer(number) => AttributeValue::Integer(number),
            Value::Boolean(truth) => AttributeValue::Boolean(truth),
        }
    }
}

impl Type {
    /// Returns the value that stands for a result that could not be had.
    pub(super) fn zero(self) -> Value<'static> {
        match self {
            Type::Text => Value::Text("".into()),
            Type::Integer => Value::Integer(0),
            Type::Boolean => Value::Boolean(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cast_as_the_table_says() {
        let text = |text: &'static str| Value::Text(text.into());
        let integers = [("7", 7), ("+7", 7), ("-7", -7), ("007", 7), ("-2147483648", i32::MIN)];
        for (written, number) in integers {
            assert_eq!(text(written).to_integer(), Some(number));
        }
        for written in ["", "+", "1.0", " 1", "2147483648", "0x1", "true", "٣"] {
            assert_eq!(text(written).to_integer(), None, "{written}");
        }
        assert_eq!(text("TrUe").to_boolean(), Some(true));
        assert_eq!(text("1").to_boolean(), None);
        assert_eq!(Value::Integer(-5).to_boolean(), Some(true));
        assert_eq!(Value::Boolean(true).to_integer(), Some(1));
        assert_eq!(Value::Integer(-5).into_text(), "-5");
        assert_eq!(Value::Boolean(false).cast(Type::Text), Some(text("false")));
    }
}

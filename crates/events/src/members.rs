//! The members of a JSON object that are wanted, as they are written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json_text::not_an_object;

/// Returns the values of the members with these names, in the order of the names, and calls `on_other` with the name of
/// each other member.
///
/// # Errors
///
/// Returns the reason why the text is not an object in which each wanted name stands at most once.
pub(crate) fn members<'a, const N: usize>(
    object: &'a str,
    names: [&'static str; N],
    on_other: impl FnMut(&str),
) -> Result<[Option<&'a RawValue>; N], String> {
    let mut json = serde_json::Deserializer::from_str(object);
    let values = json.deserialize_map(Wanted { names, on_other });
    values.and_then(|values| json.end().map(|()| values)).map_err(|error| not_an_object(&error))
}

struct Wanted<const N: usize, F> {
    names: [&'static str; N],
    on_other: F,
}

impl<'de, const N: usize, F: FnMut(&str)> Visitor<'de> for Wanted<N, F> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(number) = object.next_key_seed(NameSeed(&mut self))? {
            let value: &RawValue = object.next_value()?;
            if let Some(number) = number
                && values[number].replace(value).is_some()
            {
                return Err(A::Error::custom(format!("{} is there twice", self.names[number])));
            }
        }
        Ok(values)
    }
}

/// Reads a name as the number of the wanted member.
struct NameSeed<'w, const N: usize, F>(&'w mut Wanted<N, F>);

impl<'de, const N: usize, F: FnMut(&str)> DeserializeSeed<'de> for NameSeed<'_, N, F> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_str(self)
    }
}

impl<const N: usize, F: FnMut(&str)> Visitor<'_> for NameSeed<'_, N, F> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        let number = self.0.names.iter().position(|wanted| *wanted == name);
        if number.is_none() {
            (self.0.on_other)(name);
        }
        Ok(number)
    }
}

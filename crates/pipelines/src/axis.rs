//! Names of the choices on an axis: how they are found, and what is said where there is none of that name.

use flowbench_events::did_you_mean_or_list;
use thiserror::Error;

/// There is no choice of this name on an axis.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no {axis} '{name}'{hint}")]
pub struct UnknownName {
    /// The axis, such as `strategy`.
    pub axis: &'static str,
    /// The name that was asked for.
    pub name: String,
    hint: String,
}

impl UnknownName {
    /// Returns the error for `name`, with the nearest of the `known` names, or all of them.
    pub fn new<'a>(axis: &'static str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self { axis, name: name.to_owned(), hint: did_you_mean_or_list(name, known) }
    }
}

/// Implements reading and writing by name for an axis with `ALL` and `name()`.
macro_rules! by_name {
    ($axis:literal, $Type:ty) => {
        impl std::str::FromStr for $Type {
            type Err = crate::axis::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|one| one.name() == name);
                found.ok_or_else(|| crate::axis::UnknownName::new($axis, name, Self::ALL.iter().map(|one| one.name())))
            }
        }

        crate::axis::serde_by_text!($Type);
    };
}

/// Implements `serde` for a type by its `Display` and `FromStr`.
macro_rules! serde_by_text {
    ($Type:ty) => {
        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {by_name, serde_by_text};

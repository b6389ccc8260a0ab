//! The names that expressions may use.

use flowbench_events::{Channel, Kind, did_you_mean_or_list};

use super::field::Field;
use super::node::Node;
use super::types::Type;

/// A node with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) of: Type,
}

/// The names that expressions may use, each with what it stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Vec<(String, Typed)>);

impl Names {
    /// Returns the names of the fields of an event; `load_time` is its load time as a duration.
    pub(crate) fn of_events() -> Names {
        let typed = |field: Field| (field.name().to_owned(), Typed { node: Node::Field(field), of: field.type_of() });
        let mut names = Names(Field::ALL.into_iter().map(typed).collect());
        names.add("load_time", Node::Field(Field::LoadTimeMs), Type::Duration);
        names
    }

    /// Adds a name.
    pub(crate) fn add(&mut self, name: &str, node: Node, of: Type) {
        self.0.push((name.to_owned(), Typed { node, of }));
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Typed> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, typed)| typed)
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the hint for a name that there is not.
    pub(crate) fn hint(&self, name: &str) -> String {
        if Kind::from_name(name).is_some() || Channel::from_name(name).is_some() {
            return format!("; write '{name}' in quotes");
        }
        if name == "day" {
            return "; windows of calendar days have it: write tumble = \"day\"".to_owned();
        }
        did_you_mean_or_list(name, self.names())
    }
}

//! The pipelines a program knows by name: those of the catalogue, and any of its own.
//!
//! Decision D-030.

use std::fmt;

use thiserror::Error;

use crate::axis::UnknownName;
use crate::catalogue::CATALOGUE;
use crate::pipeline::Pipeline;

/// The pipelines of a program: planner, cases and command line find them here by name.
///
/// # Examples
///
/// ```
/// let registry = flowbench_pipelines::Registry::default();
/// assert_eq!(registry.find("sessions")?.about().columns, ["customer", "start", "end", "events"]);
/// assert!(registry.find("session").is_err_and(|error| error.to_string().contains("did you mean 'sessions'?")));
/// # Ok::<(), flowbench_pipelines::UnknownName>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Registry {
    own: &'static [&'static dyn Pipeline],
}

/// Two pipelines have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there are two pipelines '{0}'; give one of them another name")]
pub struct NameTaken(pub &'static str);

impl Registry {
    /// Returns the pipelines of the catalogue and those in `own`.
    ///
    /// # Errors
    ///
    /// Fails if two of them have the same name.
    pub fn new(own: &'static [&'static dyn Pipeline]) -> Result<Self, NameTaken> {
        let registry = Self { own };
        let mut names: Vec<&str> = registry.pipelines().map(Pipeline::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(NameTaken(pair[0])),
            None => Ok(registry),
        }
    }

    /// Returns these pipelines and one more, which must have a name of its own. The list of them is never freed.
    pub fn with(self, pipeline: &'static dyn Pipeline) -> Registry {
        let own: Vec<&'static dyn Pipeline> = self.own.iter().copied().chain([pipeline]).collect();
        Registry { own: own.leak() }
    }

    /// Returns all pipelines, in the order of `flowbench list`.
    pub fn pipelines(self) -> impl Iterator<Item = &'static dyn Pipeline> + Clone {
        CATALOGUE.iter().chain(self.own).copied()
    }

    /// Returns the pipeline of a name.
    ///
    /// # Errors
    ///
    /// Fails if there is none; the error names the nearest one, or all.
    pub fn find(self, name: &str) -> Result<&'static dyn Pipeline, UnknownName> {
        let found = self.pipelines().find(|pipeline| pipeline.name() == name);
        found.ok_or_else(|| UnknownName::new("pipeline", name, self.pipelines().map(Pipeline::name)))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.pipelines().map(Pipeline::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        assert_eq!(Registry::new(&[]).unwrap().pipelines().count(), CATALOGUE.len());
        static TWICE: &[&dyn Pipeline] = &[CATALOGUE[0]];
        assert_eq!(Registry::new(TWICE).unwrap_err(), NameTaken("identity"));
        assert_eq!(Registry::default().with(CATALOGUE[0]).pipelines().count(), CATALOGUE.len() + 1);
    }
}

//! The settings of stages: durations, counts and time zones, given as they are or by a parameter.

use flowbench_events::{Zone, did_you_mean_or_list};

use super::Lowering;
use crate::plan::document::Text;
use crate::plan::expression::types::Type;

/// A duration that timers and windows may have, ms.
const DURATIONS_MS: std::ops::RangeInclusive<i64> = 1..=1_000_000 * 86_400_000;

/// The largest number of ranks.
const COUNT_MAX: usize = 1_000_000;

impl Lowering<'_> {
    /// Returns the value of a setting of a stage, which may be a parameter: `"{window}"`.
    fn setting(&mut self, text: &Text, of: Type) -> Option<String> {
        let Some(name) = text.text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return Some(text.text.clone());
        };
        let declared = &self.definition.parameters;
        let Some(at) = declared.iter().position(|declared| declared.name == name) else {
            let hint = did_you_mean_or_list(name, declared.iter().map(|declared| declared.name.as_str()));
            self.document.problem(text.place.clone(), &format!("there is no parameter '{name}'{hint}"));
            return None;
        };
        if declared[at].of != of {
            let message = format!("{of} is needed here, the parameter '{name}' is {}", declared[at].of);
            self.document.problem(text.place.clone(), &message);
            return None;
        }
        self.values.get(at).cloned()
    }

    pub(super) fn duration_ms(&mut self, text: &Text) -> Option<i64> {
        let value = self.setting(text, Type::Duration)?;
        let needed = "a duration from 1ms to 1000000d is needed";
        let ms = self.compiler.word_of(&value, Type::Duration);
        match ms.map(|ms| DURATIONS_MS.contains(&ms).then_some(ms)) {
            Ok(Some(ms)) => return Some(ms),
            Ok(None) => self.document.problem(text.place.clone(), &format!("'{value}': {needed}")),
            Err(message) => self.document.problem(text.place.clone(), &message),
        }
        None
    }

    pub(super) fn count(&mut self, text: &Text) -> Option<usize> {
        let value = self.setting(text, Type::Integer)?;
        let count = value.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
        if count.is_none() {
            let message = format!("'{value}': a whole number from 1 to {COUNT_MAX} is needed");
            self.document.problem(text.place.clone(), &message);
        }
        count
    }

    pub(super) fn zone(&mut self, text: Option<&Text>) -> Option<Zone> {
        let utc = Text::of("UTC", 0..0);
        let text = text.unwrap_or(&utc);
        let value = self.setting(text, Type::Timezone)?;
        let zone = Zone::named(&value);
        zone.map_err(|error| self.document.problem(text.place.clone(), &error.to_string())).ok()
    }
}

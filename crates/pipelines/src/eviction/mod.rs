//! When state is forgotten.
//!
//! An eviction is a file with a type that implements [`EvictionPolicy`] — its name, its parameters, what it promises and
//! what becomes of a state that has expired — and a line in the list below. One that forgets what has not expired, or
//! walks over the states, has an [`Evictor`], too.
//!
//! Decision D-029.

mod capacity;
mod compaction;
mod expiry_queue;
mod expiry_schedule;
mod frontier;
mod lazy;
#[cfg(test)]
mod loss;
mod never;
mod opened_keys;
mod policy;
mod sweep;
mod timer_wheel;
mod ttl;
mod wheel;
mod work;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use self::capacity::Capacity;
pub use self::compaction::Compaction;
pub use self::expiry_schedule::ExpirySchedule;
pub use self::frontier::Frontier;
pub use self::lazy::Lazy;
#[cfg(test)]
pub use self::loss::Loss;
pub use self::never::Never;
pub use self::policy::{AfterExpiry, ArgumentError, EvictionPolicy, Evictor, StateShare, StateStore};
pub use self::sweep::Sweep;
pub use self::ttl::Ttl;
pub use self::wheel::Wheel;
pub use self::work::EvictionWork;
pub(crate) use self::work::{SampledTime, reading_ns};
use crate::axis::{UnknownName, serde_by_text};
use crate::message::Key;

/// A text that is no eviction.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvictionError {
    /// There is none of this name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The name is right, what follows it is not.
    #[error("'{text}': {reason}; write it as {form}")]
    Arguments {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
        /// The name and its parameters.
        form: String,
    },
}

/// Lists the evictions: a variant, and the type that declares it.
macro_rules! evictions {
    ($($Variant:ident($Policy:ty),)+) => {
        /// When state is forgotten, with the parameters that the choice has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Eviction {
            $(#[doc = concat!("[`", stringify!($Policy), "`]")] $Variant($Policy),)+
        }

        impl Eviction {
            /// All evictions, as `flowbench list` shows them: each with the defaults of its parameters.
            pub const ALL: [Eviction; [$(<$Policy>::NAME),+].len()] = [$(Eviction::$Variant(<$Policy>::DEFAULT)),+];

            /// Returns the name, without parameters.
            pub fn name(self) -> &'static str {
                match self { $(Eviction::$Variant(_) => <$Policy>::NAME,)+ }
            }

            /// Returns the names of the parameters in their order.
            pub fn parameters(self) -> &'static [&'static str] {
                match self { $(Eviction::$Variant(_) => <$Policy>::PARAMETERS,)+ }
            }

            /// Returns the name with its parameters, as in `ttl(after)`.
            pub fn form(self) -> String {
                call(self.name(), self.parameters())
            }

            /// Returns a one-line summary for `flowbench list`.
            pub fn summary(self) -> &'static str {
                match self { $(Eviction::$Variant(_) => <$Policy>::SUMMARY,)+ }
            }

            /// Returns, in words, how it serves a pipeline.
            pub fn serves(self, stateless: bool) -> &'static str {
                match self {
                    _ if stateless => "serves, and has nothing to forget",
                    $(Eviction::$Variant(policy) => policy.serves(),)+
                }
            }

            /// True if every answer is that of the oracle.
            pub fn is_exact(self) -> bool {
                match self { $(Eviction::$Variant(policy) => policy.is_exact(),)+ }
            }

            /// Returns a paragraph for `flowbench explain`.
            pub fn explanation(self) -> &'static str {
                match self { $(Eviction::$Variant(_) => <$Policy>::EXPLANATION,)+ }
            }

            /// True if collections that change with event time forget just so by themselves.
            pub(crate) fn is_by_compaction(self) -> bool {
                match self { $(Eviction::$Variant(policy) => policy.is_by_compaction(),)+ }
            }

            /// True if only arrangements can forget so.
            pub(crate) fn needs_arrangements(self) -> bool {
                match self { $(Eviction::$Variant(_) => <$Policy>::NEEDS_ARRANGEMENTS,)+ }
            }

            /// Returns how far logical compaction stays behind the watermark, ms of event time.
            pub(crate) fn compaction_lag_ms(self) -> i64 {
                match self { $(Eviction::$Variant(policy) => policy.compaction_lag_ms(),)+ }
            }

            fn arguments(self) -> Vec<String> {
                match self { $(Eviction::$Variant(policy) => policy.arguments(),)+ }
            }

            fn with(self, arguments: &[&str]) -> Result<Self, ArgumentError> {
                match self { $(Eviction::$Variant(_) => <$Policy>::parse(arguments).map(Eviction::$Variant),)+ }
            }

            /// Returns how long (ms of event time) states are held that are needed for `needed_ms`; `None` if there is no
            /// limit, or no telling.
            pub fn retention_ms(self, needed_ms: Option<i64>) -> Option<i64> {
                match self { $(Eviction::$Variant(policy) => policy.retention_ms(needed_ms),)+ }
            }

            /// See [`EvictionPolicy::after_expiry`].
            pub(crate) fn after_expiry(self) -> AfterExpiry {
                match self { $(Eviction::$Variant(policy) => policy.after_expiry(),)+ }
            }

            /// See [`EvictionPolicy::schedule`].
            pub(crate) fn schedule<K: Key>(self, is_exact: bool) -> ExpirySchedule<K> {
                match self { $(Eviction::$Variant(policy) => policy.schedule(is_exact),)+ }
            }

            /// See [`EvictionPolicy::evictor`].
            pub(crate) fn evictor<K: Key>(self, share: StateShare) -> Option<Box<dyn Evictor<K>>> {
                match self { $(Eviction::$Variant(policy) => policy.evictor(share),)+ }
            }
        }

        impl fmt::Display for Eviction {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&call(self.name(), &self.arguments()))
            }
        }

        impl FromStr for Eviction {
            type Err = EvictionError;

            /// Reads `name`, or `name(argument, ...)` where it has parameters.
            fn from_str(text: &str) -> Result<Self, EvictionError> {
                let (name, arguments) = parts(text);
                let Some(found) = Self::ALL.into_iter().find(|one| one.name() == name) else {
                    return Err(UnknownName::new("eviction", name, Self::ALL.iter().map(|one| one.name())).into());
                };
                let wrong = |reason| EvictionError::Arguments { text: text.to_owned(), reason, form: found.form() };
                if arguments.len() != found.parameters().len() {
                    return Err(wrong(takes(name, found.parameters().len())));
                }
                found.with(&arguments).map_err(|error| wrong(error.to_string()))
            }
        }

        serde_by_text!(Eviction);

        $(impl From<$Policy> for Eviction {
            fn from(policy: $Policy) -> Self {
                Eviction::$Variant(policy)
            }
        })+
    };
}

evictions! {
    Never(Never),
    Frontier(Frontier),
    Lazy(Lazy),
    Sweep(Sweep),
    Wheel(Wheel),
    Ttl(Ttl),
    Capacity(Capacity),
    Compaction(Compaction),
}

/// Returns the name and the arguments of `name(argument, ...)`.
fn parts(text: &str) -> (&str, Vec<&str>) {
    match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, arguments)) => (name, arguments.split(',').map(str::trim).collect()),
        None => (text, Vec::new()),
    }
}

/// Writes `name(argument, ...)`, without brackets if there is no argument.
fn call<T: std::borrow::Borrow<str>>(name: &str, arguments: &[T]) -> String {
    if arguments.is_empty() { name.to_owned() } else { format!("{name}({})", arguments.join(", ")) }
}

fn takes(name: &str, parameters: usize) -> String {
    match parameters {
        0 => format!("{name} takes no argument"),
        1 => format!("{name} takes one argument"),
        _ => format!("{name} takes {parameters} arguments"),
    }
}

#[cfg(test)]
mod tests;

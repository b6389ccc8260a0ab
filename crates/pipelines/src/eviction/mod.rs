//! When state is forgotten.
//!
//! An eviction is a file with a type that implements [`EvictionPolicy`] — its name, its parameters and what it promises
//! — and an [`Evictor`] that carries it out, and a line in the list below.
//!
//! Decision D-029.

mod compaction;
mod expiry_queue;
mod frontier;
mod never;
mod policy;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use self::compaction::Compaction;
pub(crate) use self::expiry_queue::ExpiryQueue;
pub use self::frontier::Frontier;
pub use self::never::Never;
pub use self::policy::{ArgumentError, EvictionPolicy, Evictor};
use crate::axis::{UnknownName, serde_by_text};

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

            /// True if nothing is ever forgotten.
            pub fn keeps_forever(self) -> bool {
                match self { $(Eviction::$Variant(policy) => policy.keeps_forever(),)+ }
            }

            /// True if collections that change with event time forget just so by themselves.
            pub(crate) fn is_by_compaction(self) -> bool {
                match self { $(Eviction::$Variant(policy) => policy.is_by_compaction(),)+ }
            }

            fn arguments(self) -> Vec<String> {
                match self { $(Eviction::$Variant(policy) => policy.arguments(),)+ }
            }

            fn with(self, arguments: &[&str]) -> Result<Self, ArgumentError> {
                match self { $(Eviction::$Variant(_) => <$Policy>::parse(arguments).map(Eviction::$Variant),)+ }
            }

            /// Makes what `make` makes of the evictor of an operator.
            pub(crate) fn visit<V: EvictionVisitor>(self, visitor: V) -> V::Made {
                match self { $(Eviction::$Variant(policy) => visitor.visit(policy),)+ }
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
                    return Err(wrong(format!("{name} takes {} arguments", found.parameters().len())));
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

/// Makes something that depends on the type of an eviction.
pub(crate) trait EvictionVisitor {
    /// What is made.
    type Made;

    /// Makes it for one eviction.
    fn visit(self, policy: impl EvictionPolicy) -> Self::Made;
}

evictions! {
    Never(Never),
    Frontier(Frontier),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flowbench_events::{Event, Id, Kind, Record, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::disorder::{Arrival, OrderPolicy};
    use crate::feed::EventTimeProgress;
    use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};
    use crate::state::keyed_operator::{KeyedOperator, keyed_operator};
    use crate::state::operator::StateOperator;
    use crate::state::state_machine::Plain;

    /// Leases, one per customer: each event sets how long it lasts from then on, and a cancellation ends it. With `TIMERS`
    /// the end answers, and one of odd length goes on for another second before it ends for good.
    #[derive(Clone)]
    struct Leases<const TIMERS: bool>;

    #[derive(Clone, Copy, Default)]
    struct Lease {
        until_ms: Option<i64>,
        goes_on: bool,
    }

    impl Lease {
        fn of(event: &Event) -> Lease {
            let length_ms = event.value().filter(|_| event.kind() != Kind::OrderCancelled).map(|value| value.0);
            let until_ms = length_ms.map(|length_ms| event.event_time_ms() + length_ms);
            Lease { until_ms, goes_on: length_ms.is_some_and(|length_ms| length_ms % 2 == 1) }
        }

        fn end(&mut self) -> TimerOutcome {
            if !std::mem::take(&mut self.goes_on) {
                return TimerOutcome::Evict;
            }
            self.until_ms = self.until_ms.map(|until_ms| until_ms + 1000);
            TimerOutcome::Keep
        }
    }

    impl<const TIMERS: bool> KeyedLogic for Leases<TIMERS> {
        type Key = Id;
        type State = Lease;
        type Row = (i64, Id);
        const HAS_TIMERS: bool = TIMERS;

        fn key(&self, event: &Event) -> Option<Id> {
            event.customer()
        }
        fn lacks_key(&self, _event: &Event) -> bool {
            false
        }
        fn apply(&self, _customer: Id, lease: &mut Lease, event: &Event, _out: &mut Vec<(i64, Id)>) {
            *lease = Lease::of(event);
        }
        fn expires_at_ms(&self, _customer: Id, lease: &Lease) -> i64 {
            lease.until_ms.unwrap_or(EMPTY_STATE)
        }
        fn on_expiry(&self, customer: Id, lease: &mut Lease, out: &mut Vec<(i64, Id)>) -> TimerOutcome {
            if !TIMERS {
                return TimerOutcome::Evict;
            }
            out.push((lease.until_ms.unwrap(), customer));
            lease.end()
        }
    }

    /// What an eviction must hold and answer, as plainly as can be.
    #[derive(Default)]
    struct Naive {
        leases: BTreeMap<Id, Lease>,
        retired: usize,
        answers: Vec<(i64, Id)>,
    }

    impl Naive {
        /// Ends all leases below `until_ms`; tells whether one of `customer` has ended for good.
        fn end(&mut self, customer: Id, until_ms: i64) -> bool {
            while let Some(lease) = self.leases.get_mut(&customer).filter(|lease| lease.until_ms < Some(until_ms)) {
                self.answers.extend(lease.until_ms.map(|ended_ms| (ended_ms, customer)));
                if lease.end() == TimerOutcome::Evict {
                    self.leases.remove(&customer);
                    return true;
                }
            }
            false
        }

        fn take(&mut self, event: &Event, timers: bool) {
            let customer = event.customer().unwrap();
            let known = self.leases.contains_key(&customer);
            if timers {
                self.end(customer, event.event_time_ms());
            }
            self.leases.insert(customer, Lease::of(event));
            if self.leases[&customer].until_ms.is_none() {
                self.leases.remove(&customer);
                self.retired += usize::from(known);
            }
        }

        fn advance(&mut self, until_ms: i64, timers: bool, eviction: Eviction) {
            for customer in self.leases.keys().copied().collect::<Vec<_>>() {
                if timers {
                    self.retired += usize::from(self.end(customer, until_ms));
                } else if eviction == Eviction::from(Frontier) && self.leases[&customer].until_ms < Some(until_ms) {
                    self.leases.remove(&customer);
                }
            }
        }

        fn entries(&self, eviction: Eviction) -> usize {
            self.leases.len() + if eviction == Eviction::from(Never) { self.retired } else { 0 }
        }
    }

    fn event(customer: u32, kind: Kind, event_time_ms: i64, length_ms: i64) -> Event {
        let record = Record::new(0, kind, event_time_ms);
        Event::pack(Record { customer: Id(customer), value: Some(Value(length_ms)), ..record })
    }

    fn leases<const TIMERS: bool>(eviction: Eviction) -> Box<dyn StateOperator<Event, (i64, Id)>> {
        keyed_operator(Plain(Leases::<TIMERS>), eviction, Box::new(Arrival))
    }

    fn at(watermark_ms: i64) -> EventTimeProgress {
        EventTimeProgress {
            watermark_ms,
            ahead_ms: watermark_ms,
            newest_ms: watermark_ms,
            ..EventTimeProgress::NOTHING
        }
    }

    /// How much later it is, and what then happens: a customer, whether it cancels, and a length.
    type Step = (i64, Vec<(u32, bool, i64)>);

    /// After each step `eviction` holds and has answered what it must.
    fn holds_what_it_must<const TIMERS: bool>(eviction: Eviction, steps: &[Step]) -> Result<(), TestCaseError> {
        let (mut operator, mut naive) = (leases::<TIMERS>(eviction), Naive::default());
        let (mut now_ms, mut answers) = (0, Vec::new());
        for (later_ms, batch) in steps {
            now_ms += later_ms;
            let event = |(customer, cancels, length_ms): &(u32, bool, i64)| {
                let kind = if *cancels { Kind::OrderCancelled } else { Kind::OrderPlaced };
                event(*customer, kind, now_ms, *length_ms)
            };
            let mut batch: Vec<Event> = batch.iter().map(event).collect();
            batch.iter().for_each(|event| naive.take(event, TIMERS));
            operator.arrive(&mut batch, &mut answers);
            operator.advance(at(now_ms), &mut answers);
            naive.advance(now_ms, TIMERS, eviction);
            answers.sort_unstable();
            naive.answers.sort_unstable();
            prop_assert_eq!(
                (operator.state_counts().entries, operator.state_counts().buffered),
                (naive.entries(eviction), 0)
            );
            prop_assert_eq!(operator.payload().0, naive.leases.len());
            prop_assert_eq!(&answers, &naive.answers);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_eviction_holds_and_answers_what_it_must_after_every_step(
            steps in prop::collection::vec(
                (0_i64..90_000, prop::collection::vec((0_u32..6, prop::bool::weighted(0.2), 0_i64..300_000), 0..4)),
                0..40,
            ),
            hurried in any::<bool>(),
        ) {
            // Within a few milliseconds ends and watermarks meet.
            let scale = if hurried { 30_000 } else { 1 };
            let lease = |(customer, cancels, length_ms): (u32, bool, i64)| (customer, cancels, length_ms / scale);
            let step = |(later_ms, batch): (i64, Vec<_>)| (later_ms / scale, batch.into_iter().map(lease).collect());
            let steps: Vec<Step> = steps.into_iter().map(step).collect();
            for eviction in Eviction::ALL.into_iter().filter(|eviction| !eviction.needs_arrangements()) {
                holds_what_it_must::<false>(eviction, &steps)?;
                holds_what_it_must::<true>(eviction, &steps)?;
            }
        }
    }

    #[test]
    fn a_state_that_lives_on_is_held_until_it_ends_and_no_longer() {
        const MINUTE_MS: i64 = 60_000;
        for (eviction, held) in [(Eviction::from(Frontier), 1), (Eviction::from(Never), 2)] {
            let (mut operator, mut answers) = (leases::<false>(eviction), Vec::new());
            for (customer, minute) in [(1, 0), (1, 20), (2, 40), (2, 51), (2, 52)] {
                let lease = event(customer, Kind::OrderPlaced, minute * MINUTE_MS, 30 * MINUTE_MS);
                operator.arrive(&mut vec![lease], &mut answers);
                operator.advance(at(minute * MINUTE_MS), &mut answers);
                let entries = if minute < 40 {
                    1
                } else if minute == 40 {
                    2
                } else {
                    held
                };
                assert_eq!(operator.state_counts().entries, entries, "{}, minute {minute}", eviction.name());
            }
        }
    }

    #[test]
    fn a_state_is_still_held_at_the_last_moment_at_which_it_is_needed() {
        let (mut operator, mut answers) = (leases::<true>(Eviction::from(Frontier)), Vec::new());
        operator.arrive(&mut vec![event(1, Kind::OrderPlaced, 0, 10)], &mut answers);
        for (watermark_ms, entries) in [(9, 1), (10, 1), (11, 0)] {
            operator.advance(at(watermark_ms), &mut answers);
            assert_eq!((operator.state_counts().entries, answers.len()), (entries, 1 - entries), "{watermark_ms} ms");
        }
        assert_eq!(answers, [(10, Id(1))]);
    }

    /// An eviction of one declaration with a parameter: it forgets what has not been touched for some time.
    #[allow(dead_code, unreachable_pub)] // the list below makes all that the one of the crate makes
    mod with_one_more {
        use super::super::*;
        use crate::state::state_machine::KeyedStateMachine;
        use crate::state::states::States;

        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) struct Untouched {
            pub(super) after_ms: i64,
        }

        impl EvictionPolicy for Untouched {
            const NAME: &'static str = "untouched";
            const SUMMARY: &'static str = "forget what has not been touched for some time";
            const PARAMETERS: &'static [&'static str] = &["after"];
            const DEFAULT: Self = Self { after_ms: 60_000 };

            type Evictor<M: KeyedStateMachine> = Touches<M>;

            fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
                Ok(Self { after_ms: flowbench_events::parse_duration_ms(arguments[0])? })
            }

            fn arguments(self) -> Vec<String> {
                vec![format!("{}ms", self.after_ms)]
            }

            fn serves(self) -> &'static str {
                "serves; loses answers"
            }

            fn is_exact(self) -> bool {
                false
            }

            fn evictor<M: KeyedStateMachine>(self) -> Touches<M> {
                Touches { after_ms: self.after_ms, touched_ms: Vec::new() }
            }
        }

        pub(super) struct Touches<M: KeyedStateMachine> {
            after_ms: i64,
            touched_ms: Vec<(M::Key, i64)>,
        }

        impl<M: KeyedStateMachine> Evictor<M> for Touches<M> {
            fn touched(&mut self, key: M::Key, event_time_ms: i64) {
                self.touched_ms.retain(|(other, _)| *other != key);
                self.touched_ms.push((key, event_time_ms));
            }

            fn cleared(&mut self, key: M::Key, _state: M::State) {
                self.touched_ms.retain(|(other, _)| *other != key);
            }

            fn advance(&mut self, until_ms: i64, states: &mut States<M>, _out: &mut Vec<M::Row>) {
                self.touched_ms.retain(|(key, touched_ms)| {
                    let stays = touched_ms + self.after_ms >= until_ms;
                    if !stays {
                        states.table.remove(*key);
                    }
                    stays
                });
            }
        }

        evictions! {
            Frontier(Frontier),
            Untouched(Untouched),
        }
    }

    #[test]
    fn a_new_eviction_is_a_declaration_with_its_parameters() {
        use with_one_more::{Eviction, Untouched};
        let parsed: Eviction = "untouched(1h)".parse().unwrap();
        assert_eq!(
            (parsed, parsed.to_string()),
            (Untouched { after_ms: 3_600_000 }.into(), "untouched(3600000ms)".into())
        );
        assert_eq!(serde_json::from_str::<Eviction>("\"untouched(1h)\"").unwrap(), parsed);
        assert_eq!(Eviction::ALL.map(Eviction::name), ["frontier", "untouched"]);
        let error = |text: &str| text.parse::<Eviction>().unwrap_err().to_string();
        assert_eq!(error("untouched"), "'untouched': untouched takes 1 arguments; write it as untouched(after)");
        assert!(error("untouched(soon)").ends_with("write it as untouched(after)"), "{}", error("untouched(soon)"));
        assert_eq!(error("untuched(1h)"), "there is no eviction 'untuched'; did you mean 'untouched'?");
        assert_eq!(error("frontier(1h)"), "'frontier(1h)': frontier takes 0 arguments; write it as frontier");

        let evictor = Untouched { after_ms: 1000 }.evictor();
        let mut operator = KeyedOperator::new(Plain(Leases::<false>), Box::new(Arrival), evictor);
        let mut answers = Vec::new();
        for (now_ms, entries) in [(0, 1), (500, 1), (1500, 1), (1501, 0)] {
            let touched = (now_ms <= 500).then(|| event(1, Kind::OrderPlaced, now_ms, 1_000_000));
            operator.arrive(&mut touched.into_iter().collect(), &mut answers);
            operator.advance(at(now_ms), &mut answers);
            assert_eq!(operator.state_counts().entries, entries, "at {now_ms} ms");
        }
    }

    /// An order policy of one type: the newest first, once the watermark has passed.
    struct NewestFirst(Vec<Event>);

    impl OrderPolicy<Event> for NewestFirst {
        fn arrive(&mut self, arrived: &mut Vec<Event>, _released: &mut Vec<Event>) {
            self.0.append(arrived);
        }

        fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<Event>) {
            released.extend(self.0.extract_if(.., |event| event.event_time_ms() < reached.watermark_ms));
            released.sort_by_key(|event| -event.event_time_ms());
        }

        fn buffered(&self) -> usize {
            self.0.len()
        }
    }

    #[test]
    fn a_new_order_policy_is_a_type() {
        let mut operator = keyed_operator(Plain(Leases::<true>), Frontier.into(), Box::new(NewestFirst(Vec::new())));
        let mut answers = Vec::new();
        operator
            .arrive(&mut vec![event(1, Kind::OrderPlaced, 0, 10), event(1, Kind::OrderPlaced, 2, 20)], &mut answers);
        assert_eq!(operator.state_counts().buffered, 2);
        operator.advance(at(100), &mut answers);
        // The lease that is applied last is the older one, and ends at 10 ms.
        assert_eq!((operator.state_counts().buffered, answers), (0, vec![(10, Id(1))]));
    }
}

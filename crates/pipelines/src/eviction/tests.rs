use flowbench_events::{Event, Id, Kind, Record, Value};
use proptest::prelude::*;

use super::*;
use crate::disorder::{Arrival, OrderPolicy};
use crate::feed::EventTimeProgress;
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};
use crate::state::keyed_operator::KeyedOperator;
use crate::state::operator::StateOperator;
use crate::state::state_machine::Plain;
use crate::state::states::States;

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

/// What an eviction must hold and answer, as plainly as can be: the states in the order in which they were used last.
struct Naive {
    eviction: Eviction,
    timers: bool,
    states: Vec<Held>,
    now_ms: i64, // that the watermark has reached
    retired: usize,
    answers: Vec<(i64, Id)>,
}

#[derive(Clone)]
struct Held {
    customer: Id,
    lease: Lease, // without an end: it has answered and was left
    touched_ms: i64,
}

impl Naive {
    fn new(eviction: Eviction, timers: bool) -> Self {
        Self { eviction, timers, states: Vec::new(), now_ms: 0, retired: 0, answers: Vec::new() }
    }

    /// Lets a state answer what is due below `until_ms`. Returns it if it stays, whatever it holds then.
    fn answered(&mut self, mut held: Held, until_ms: i64) -> Option<Held> {
        let until_ms = if let Eviction::Ttl(ttl) = self.eviction {
            until_ms.min(held.touched_ms + ttl.after_ms + 1)
        } else {
            until_ms
        };
        while self.timers && held.lease.until_ms.is_some_and(|end_ms| end_ms < until_ms) {
            self.answers.extend(held.lease.until_ms.map(|end_ms| (end_ms, held.customer)));
            if held.lease.end() == TimerOutcome::Keep {
                continue;
            }
            held.lease = Lease::default();
            match self.eviction.after_expiry() {
                AfterExpiry::Leave => {}
                AfterExpiry::Retire => {
                    self.retired += 1;
                    return None;
                }
                AfterExpiry::Forget | AfterExpiry::ForgetAnswered => return None,
            }
        }
        Some(held)
    }

    fn take(&mut self, event: &Event) {
        let (customer, now_ms) = (event.customer().unwrap(), event.event_time_ms());
        let at = self.states.iter().position(|held| held.customer == customer);
        let known = at.map(|at| self.states.remove(at));
        if let Some(held) = known.clone() {
            // What has ended before the event is replaced by it, not set aside.
            let retired = self.retired;
            let _ = self.answered(held, now_ms);
            self.retired = retired;
        }
        let lease = Lease::of(event);
        if lease.until_ms.is_some() {
            self.states.push(Held { customer, lease, touched_ms: now_ms });
        } else if known.is_some() && self.eviction == Never.into() {
            self.retired += 1;
        }
        if let Eviction::Capacity(Capacity { states }) = self.eviction {
            self.states.drain(..self.states.len().saturating_sub(states));
        }
    }

    fn advance(&mut self, until_ms: i64) {
        let before_ms = std::mem::replace(&mut self.now_ms, until_ms);
        let states = std::mem::take(&mut self.states);
        self.states = states.into_iter().filter_map(|held| self.answered(held, until_ms)).collect();
        let (eviction, timers) = (self.eviction, self.timers);
        self.states.retain(|held| {
            let end_ms = held.lease.until_ms.unwrap_or(i64::MIN);
            match eviction {
                Eviction::Frontier(_) => end_ms >= until_ms,
                Eviction::Sweep(Sweep { period_ms }) => {
                    until_ms / period_ms == before_ms / period_ms || end_ms >= until_ms / period_ms * period_ms
                }
                Eviction::Wheel(Wheel { tick_ms }) => {
                    end_ms / tick_ms >= until_ms / tick_ms || (timers && end_ms >= until_ms)
                }
                Eviction::Ttl(Ttl { after_ms }) => held.touched_ms + after_ms >= until_ms,
                _ => true,
            }
        });
    }

    fn entries(&self) -> usize {
        self.states.len() + self.retired
    }

    fn live(&self) -> usize {
        self.states.iter().filter(|held| held.lease.until_ms >= Some(self.now_ms)).count()
    }
}

fn event(customer: u32, kind: Kind, event_time_ms: i64, length_ms: i64) -> Event {
    let record = Record::new(0, kind, event_time_ms);
    Event::pack(Record { customer: Id(customer), value: Some(Value(length_ms)), ..record })
}

fn leases<const TIMERS: bool>(eviction: Eviction) -> Box<dyn StateOperator<Event, (i64, Id)>> {
    Box::new(KeyedOperator::new(Plain(Leases::<TIMERS>), eviction, StateShare::WHOLE, Box::new(Arrival)))
}

fn at(watermark_ms: i64) -> EventTimeProgress {
    EventTimeProgress { watermark_ms, ahead_ms: watermark_ms, newest_ms: watermark_ms, ..EventTimeProgress::NOTHING }
}

/// How much later it is, and what then happens: a customer, whether it cancels, and a length.
type Step = (i64, Vec<(u32, bool, i64)>);

/// After each step `eviction` holds and has answered what it must; returns all answers.
fn holds_what_it_must<const TIMERS: bool>(eviction: Eviction, steps: &[Step]) -> Result<Vec<(i64, Id)>, TestCaseError> {
    let (mut operator, mut naive) = (leases::<TIMERS>(eviction), Naive::new(eviction, TIMERS));
    let (mut now_ms, mut answers) = (0, Vec::new());
    operator.advance(at(0), &mut answers);
    for (later_ms, batch) in steps {
        now_ms += later_ms;
        let event = |(customer, cancels, length_ms): &(u32, bool, i64)| {
            let kind = if *cancels { Kind::OrderCancelled } else { Kind::OrderPlaced };
            event(*customer, kind, now_ms, *length_ms)
        };
        let mut batch: Vec<Event> = batch.iter().map(event).collect();
        batch.iter().for_each(|event| naive.take(event));
        operator.arrive(&mut batch, &mut answers);
        if let Eviction::Capacity(Capacity { states }) = eviction {
            prop_assert!(operator.state_counts().entries <= states);
        }
        operator.advance(at(now_ms), &mut answers);
        naive.advance(now_ms);
        answers.sort_unstable();
        naive.answers.sort_unstable();
        prop_assert_eq!(&answers, &naive.answers, "{}", eviction);
        prop_assert_eq!(
            (operator.state_counts().entries, operator.state_counts().buffered),
            (naive.entries(), 0),
            "{}",
            eviction
        );
        prop_assert_eq!(operator.payload().0, naive.live(), "{}", eviction);
    }
    Ok(answers)
}

/// One of each eviction, with parameters that matter within a few minutes and five customers.
fn evictions_of_minutes(period_ms: i64, states: usize) -> Vec<Eviction> {
    let ttl = Ttl { after_ms: period_ms };
    let (sweep, wheel) = (Sweep { period_ms }, Wheel { tick_ms: period_ms });
    let all = vec![
        Never.into(),
        Frontier.into(),
        Lazy.into(),
        sweep.into(),
        wheel.into(),
        ttl.into(),
        Capacity { states }.into(),
    ];
    let names = |all: &[Eviction]| all.iter().map(|eviction| eviction.name()).collect::<Vec<_>>();
    let of_states = Eviction::ALL.into_iter().filter(|eviction| !eviction.needs_arrangements());
    assert_eq!(names(&all), names(&of_states.collect::<Vec<_>>()), "one of each");
    all
}

proptest! {
    #[test]
    fn every_eviction_holds_and_answers_what_it_must_after_every_step(
        steps in prop::collection::vec(
            (0_i64..90_000, prop::collection::vec((0_u32..6, prop::bool::weighted(0.2), 0_i64..300_000), 0..4)),
            0..40,
        ),
        period_ms in 1_i64..200_000,
        states in 1_usize..6,
        hurried in any::<bool>(),
    ) {
        // Within a few milliseconds ends and watermarks meet.
        let scale = if hurried { 30_000 } else { 1 };
        let lease = |(customer, cancels, length_ms): (u32, bool, i64)| (customer, cancels, length_ms / scale);
        let step = |(later_ms, batch): (i64, Vec<_>)| (later_ms / scale, batch.into_iter().map(lease).collect());
        let steps: Vec<Step> = steps.into_iter().map(step).collect();
        let mut exact = Vec::new();
        for eviction in evictions_of_minutes((period_ms / scale).max(1), states) {
            holds_what_it_must::<false>(eviction, &steps)?;
            let answers = holds_what_it_must::<true>(eviction, &steps)?;
            if eviction.is_exact() {
                exact.push(answers);
            }
        }
        prop_assert!(exact.iter().all(|answers| answers == &exact[0]), "exact evictions answer alike");
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

#[test]
fn states_that_end_early_leave_no_keys_behind() {
    const DAY_MS: i64 = 86_400_000;
    for eviction in evictions_of_minutes(60_000, 2) {
        let (mut operator, mut answers) = (leases::<true>(eviction), Vec::new());
        for (customer, minute) in (1_u32..2000).zip(0_i64..) {
            let placed = event(customer, Kind::OrderPlaced, minute * 60_000, DAY_MS * 60);
            let cancelled = event(customer - 1, Kind::OrderCancelled, minute * 60_000, 0);
            operator.arrive(&mut vec![placed, cancelled], &mut answers);
            operator.advance(at(minute * 60_000), &mut answers);
            let timers = operator.state_counts().timers;
            assert!(timers <= 8, "{}: {timers} timers, one of them needed", eviction.name());
        }
    }
}

/// An eviction of one declaration with a parameter: it forgets all states at once, each period.
#[allow(dead_code, unreachable_pub)] // the list below makes all that the one of the crate makes
mod with_one_more {
    use super::super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Tumbling {
        pub(super) period_ms: i64,
    }

    impl EvictionPolicy for Tumbling {
        const NAME: &'static str = "tumbling";
        const SUMMARY: &'static str = "forget everything, each `period`";
        const EXPLANATION: &'static str = "Everything goes at once.";
        const PARAMETERS: &'static [&'static str] = &["period"];
        const DEFAULT: Self = Self { period_ms: 60_000 };

        fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
            Ok(Self { period_ms: policy::duration_argument_ms(arguments[0])? })
        }

        fn arguments(self) -> Vec<String> {
            vec![flowbench_events::duration_text(self.period_ms)]
        }

        fn serves(self) -> &'static str {
            "serves; loses answers"
        }

        fn is_exact(self) -> bool {
            false
        }

        fn after_expiry(self) -> AfterExpiry {
            AfterExpiry::ForgetAnswered
        }

        fn evictor<K: Key>(self, _share: StateShare) -> Option<Box<dyn Evictor<K>>> {
            Some(Box::new(Tumbler { period_ms: self.period_ms, ends_ms: self.period_ms, keys: Vec::new() }))
        }
    }

    struct Tumbler<K> {
        period_ms: i64,
        ends_ms: i64,
        keys: Vec<K>,
    }

    impl<K: Key> Evictor<K> for Tumbler<K> {
        fn has_marks(&self) -> bool {
            true
        }

        fn touched(&mut self, key: K, _mark: &mut i64, _touched_ms: i64) {
            self.keys.push(key);
        }

        fn advance(&mut self, until_ms: i64, states: &mut dyn StateStore<K>) {
            if until_ms > self.ends_ms {
                self.ends_ms += self.period_ms;
                self.keys.drain(..).for_each(|key| states.forget(key));
            }
        }
    }

    evictions! {
        Frontier(Frontier),
        Tumbling(Tumbling),
    }
}

#[test]
fn a_new_eviction_is_a_declaration_with_its_parameters() {
    use with_one_more::{Eviction, Tumbling};
    let parsed: Eviction = "tumbling(1h)".parse().unwrap();
    assert_eq!((parsed, parsed.to_string()), (Tumbling { period_ms: 3_600_000 }.into(), "tumbling(1h)".into()));
    assert_eq!(serde_json::from_str::<Eviction>("\"tumbling(1h)\"").unwrap(), parsed);
    assert_eq!(Eviction::ALL.map(Eviction::name), ["frontier", "tumbling"]);

    let evictor = Tumbling { period_ms: 1000 }.evictor(StateShare::WHOLE);
    let mut states = States::new(Plain(Leases::<false>), AfterExpiry::ForgetAnswered, evictor);
    let mut answers = Vec::new();
    for (now_ms, entries) in [(0, 1), (500, 1), (1000, 1), (1001, 0), (1500, 1), (2001, 0)] {
        states.take(Id(1), &event(1, Kind::OrderPlaced, now_ms, 1_000_000), &mut answers);
        states.set_until_ms(now_ms);
        states.pass();
        assert_eq!(states.entries(), entries, "at {now_ms} ms");
    }
}

#[test]
fn what_is_no_eviction_is_refused_with_the_likely_fix() {
    let error = |text: &str| text.parse::<Eviction>().unwrap_err().to_string();
    assert_eq!(error("ttl"), "'ttl': ttl takes one argument; write it as ttl(after)");
    assert!(error("ttl(soon)").ends_with("write it as ttl(after)"), "{}", error("ttl(soon)"));
    assert_eq!(
        error("wheel(0s)"),
        "'wheel(0s)': '0s' is out of range: it must be from 1ms to 100000d; write it as wheel(tick)"
    );
    assert!(error("capacity(0)").contains("a whole number from 1 on"), "{}", error("capacity(0)"));
    assert!(error("capacity(-5)").contains("a whole number from 1 on"));
    assert_eq!(error("frontier(1h)"), "'frontier(1h)': frontier takes no argument; write it as frontier");
    assert_eq!(error("weel(1h)"), "there is no eviction 'weel'; did you mean 'wheel'?");
}

#[test]
fn an_eviction_is_written_as_it_is_read() {
    for eviction in Eviction::ALL {
        assert_eq!(eviction.to_string().parse(), Ok(eviction));
    }
    let texts = ["sweep(1h30min)", "wheel(1ms)", "ttl(7d)", "capacity(1)", "lazy"];
    texts.into_iter().for_each(|text| assert_eq!(text.parse::<Eviction>().unwrap().to_string(), text));
    assert_eq!("ttl( 90min )".parse::<Eviction>().unwrap().to_string(), "ttl(1h30min)");
    assert_eq!("capacity(1_000)".parse::<Eviction>().unwrap().to_string(), "capacity(1000)");
}

#[test]
fn a_capacity_is_shared_out_without_a_rest() {
    for (total, of) in [(10, 4), (3, 4), (1, 1), (7, 7), (100, 3)] {
        let parts: Vec<usize> = (0..of).map(|index| StateShare { index, of }.part_of(total)).collect();
        assert_eq!(parts.iter().sum::<usize>(), total);
        assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1, "{parts:?}");
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
    let order = Box::new(NewestFirst(Vec::new()));
    let mut operator = KeyedOperator::new(Plain(Leases::<true>), Frontier.into(), StateShare::WHOLE, order);
    let mut answers = Vec::new();
    operator.arrive(&mut vec![event(1, Kind::OrderPlaced, 0, 10), event(1, Kind::OrderPlaced, 2, 20)], &mut answers);
    assert_eq!(operator.state_counts().buffered, 2);
    operator.advance(at(100), &mut answers);
    // The lease that is applied last is the older one, and ends at 10 ms.
    assert_eq!((operator.state_counts().buffered, answers), (0, vec![(10, Id(1))]));
}

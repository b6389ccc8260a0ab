//! What stands behind `OVER`: the key, the order, and how far back events count.
//!
//! Decision D-050.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType};

use super::aggregate::{is_canonical, plain_name};
use super::reader::{ComputingKind, Reader};
use super::spelling::Spelling;
use crate::plan::document::{NamedFormula, Text};
use crate::plan::expression::syntax::Syntax;

/// Why the order of a window needs two columns.
const TIES: &str = "of events in one millisecond, SQL would count each at the other; \
                    write ORDER BY event_time, event_id, the order in which the stage takes them";

impl Reader<'_> {
    /// Reads the window of an aggregate, which all aggregates of a query share.
    pub(super) fn frame(&mut self, window: &WindowType, name: &str, at: &Range<usize>) -> Option<()> {
        let WindowType::WindowSpec(spec) = window else {
            return self.refuse(at, "windows have no names; write each behind its OVER");
        };
        let kind = self.frame_kind(spec, name, at);
        let key = self.partition(spec, at);
        let (kind, key) = (kind?, key?);
        let texts = |key: &[(NamedFormula, String)]| key.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
        let computing = self.computing.as_mut()?;
        let is_same = match (&computing.kind, &kind) {
            (ComputingKind::Over, _) => true,
            (ComputingKind::Running, ComputingKind::Running) => texts(&computing.key) == texts(&key),
            (ComputingKind::CountIn(one), ComputingKind::CountIn(other)) => {
                one.text == other.text && texts(&computing.key) == texts(&key)
            }
            _ => false,
        };
        if !is_same {
            return self.refuse(at, "the aggregates of a query have one window; write the same behind each OVER");
        }
        if computing.key.is_empty() {
            (computing.kind, computing.key, computing.place) = (kind, key, at.clone());
        }
        Some(())
    }

    fn frame_kind(&mut self, spec: &WindowSpec, name: &str, at: &Range<usize>) -> Option<ComputingKind> {
        if spec.window_name.is_some() {
            return self.refuse(at, "windows have no names; write each behind its OVER");
        }
        if !is_canonical(&spec.order_by) {
            let is_by_time = matches!(&spec.order_by[..], [one] if plain_name(one).as_deref() == Some("event_time"));
            let message = match is_by_time {
                true => TIES,
                false => "events are taken in one order; write ORDER BY event_time, event_id",
            };
            return self.refuse(at, message);
        }
        let Some(WindowFrame { units, start_bound, end_bound }) = &spec.window_frame else {
            return Some(ComputingKind::Running);
        };
        if !matches!(end_bound, None | Some(WindowFrameBound::CurrentRow)) {
            return self.refuse(at, "a window ends with the event itself; write AND CURRENT ROW");
        }
        match (units, start_bound) {
            (WindowFrameUnits::Groups, _) => {
                self.refuse(at, "there is no GROUPS; write RANGE with an interval, or ROWS UNBOUNDED PRECEDING")
            }
            (_, WindowFrameBound::Preceding(None)) => Some(ComputingKind::Running),
            (WindowFrameUnits::Range, WindowFrameBound::Preceding(Some(back))) if name == "count" => {
                Some(ComputingKind::CountIn(self.within(back)?))
            }
            (WindowFrameUnits::Range, WindowFrameBound::Preceding(Some(_))) => {
                let message = format!("only events are counted within a time; write count(*) for {name}, or TUMBLE");
                self.refuse(at, &message)
            }
            (WindowFrameUnits::Rows, WindowFrameBound::Preceding(Some(_))) => {
                self.refuse(at, "no stage goes back by a number of rows; write RANGE with an interval")
            }
            _ => self.refuse(at, "a window begins before the event; write RANGE BETWEEN INTERVAL '1' DAY PRECEDING"),
        }
    }

    /// Returns how long the stage counts an event. RANGE counts an event at exactly its bound, the stage one less than its
    /// duration ago and no longer; times are whole milliseconds, so both are exact.
    fn within(&mut self, back: &Expr) -> Option<Text> {
        let place = self.place(back);
        if let Expr::BinaryOp { left, op: BinaryOperator::Minus, right } = back {
            let one = self.duration(right)?;
            if flowbench_events::parse_duration_ms(&one.text) == Ok(1) {
                return self.duration(left);
            }
            return self.refuse(&place, "this bound is not understood; write the duration - INTERVAL '1' MILLISECOND");
        }
        let bound = self.duration(back)?;
        match flowbench_events::parse_duration_ms(&bound.text) {
            Ok(ms) if ms < i64::MAX => Some(Text::of(&format!("{}ms", ms + 1), place)),
            Ok(_) => self.refuse(&place, "this interval is too long; write a shorter one"),
            Err(_) => {
                let name = bound.said();
                let message = format!(
                    "RANGE counts an event exactly ${name} ago, and the stage does not; \
                     write ${name} - INTERVAL '1' MILLISECOND PRECEDING"
                );
                self.refuse(&place, &message)
            }
        }
    }

    /// Reads the key behind PARTITION BY.
    fn partition(&mut self, spec: &WindowSpec, at: &Range<usize>) -> Option<Vec<(NamedFormula, String)>> {
        if spec.partition_by.is_empty() {
            return self.refuse(at, "OVER needs a key; write PARTITION BY customer before ORDER BY");
        }
        let computing = self.computing.take();
        let parts: Vec<Option<_>> = spec
            .partition_by
            .iter()
            .map(|part| {
                let expression = self.expression(part)?;
                let Syntax::Name(name) = &expression.syntax else {
                    let message = "the key is made of columns; write FROM (SELECT *, expression AS name FROM events)";
                    return self.refuse(&expression.at, message);
                };
                let (name, text) = (name.clone(), Spelling::plain().text(&expression));
                Some((NamedFormula { name, formula: self.formula(expression) }, text))
            })
            .collect();
        self.computing = computing;
        parts.into_iter().collect()
    }
}

//! How fast each page view was, in three bands.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::answers::Row;
use crate::logic::StatelessLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::Stateless;

/// See [`Pipeline::question`].
pub(super) struct BeaconBand;

impl Pipeline for BeaconBand {
    fn about(&self) -> &'static About {
        &About {
            name: "beacon-band",
            question: "How fast was each page view for its visitor: good, in need of improvement, or poor?",
            sql: "SELECT event_time, customer, product,
  CASE WHEN load_time_ms <= {good:ms} THEN 'good' WHEN load_time_ms <= {poor:ms} THEN 'needs-improvement' ELSE 'poor'
  END AS band
FROM events WHERE kind = 'page_viewed' AND load_time_ms IS NOT NULL",
            edge_cases: "A load time of exactly a limit belongs to the better band. A page view without a load time has no band and gives \
         no row; one without a customer or a product has a band like any other. A load time on an event of another kind \
         does not count.",
            state: "",
            parameters: &[GOOD, POOR],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(Stateless(Bands::new(settings)?)))
    }
}

pub(super) const GOOD: Parameter =
    Parameter { name: "good", default: "2500ms", meaning: "duration, from 1ms to poor: up to it is good" };
pub(super) const POOR: Parameter =
    Parameter { name: "poor", default: "4000ms", meaning: "duration, from 1ms: strictly above it is poor" };

/// Where the bands end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bands {
    good_ms: i64,
    poor_ms: i64,
}

impl Bands {
    /// By the parameters `good` and `poor`.
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingError> {
        let poor_ms = settings.duration_ms("poor")?;
        Ok(Self { good_ms: settings.duration_up_to_ms("good", "poor")?, poor_ms })
    }

    /// The band of a load time.
    #[inline]
    pub(super) fn band(self, load_time_ms: u32) -> Band {
        match i64::from(load_time_ms) {
            load_ms if load_ms <= self.good_ms => Band::Good,
            load_ms if load_ms <= self.poor_ms => Band::NeedsImprovement,
            _ => Band::Poor,
        }
    }
}

/// How fast a page view was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Band {
    Good,
    NeedsImprovement,
    Poor,
}

impl std::fmt::Display for Band {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Band::Good => "good",
            Band::NeedsImprovement => "needs-improvement",
            Band::Poor => "poor",
        })
    }
}

impl StatelessLogic for Bands {
    type Row = Answer;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Answer> {
        if event.kind() != Kind::PageViewed {
            return None;
        }
        Some(Answer {
            event_time_ms: event.event_time_ms(),
            customer: event.customer().unwrap_or(Id::ABSENT),
            product: event.product().unwrap_or(Id::ABSENT),
            band: self.band(event.load_time_ms()?),
        })
    }
}

answer! {
    pub(super) struct Answer about (event_time_ms, customer, product) {
        customer: Id = id,
        product: Id = id,
        band: Band = text,
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::Symbols;

    use super::BeaconBand;
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    const EVENTS: &str = "
        page_viewed     2026-01-01T00:00:04 c=7 p=a l=2501
        page_viewed     2026-01-01T00:00:03 c=7 p=a l=2500
        page_viewed     2026-01-01T00:00:05 c=7 l=4000
        page_viewed     2026-01-01T00:00:06 p=b l=4001
        page_viewed     2026-01-01T00:00:01 l=0
        page_viewed     2026-01-01T00:00:02 l=4294967294
        page_viewed     2026-01-01T00:00:07 c=7 p=a
        info_downloaded 2026-01-01T00:00:08 c=7 p=a l=100";

    #[test]
    fn exactly_a_limit_is_the_better_band_and_absent_cells_are_empty() {
        let answers = [
            "2026-01-01T00:00:01.000Z,,,good",
            "2026-01-01T00:00:02.000Z,,,poor",
            "2026-01-01T00:00:03.000Z,7,a,good",
            "2026-01-01T00:00:04.000Z,7,a,needs-improvement",
            "2026-01-01T00:00:05.000Z,7,,needs-improvement",
            "2026-01-01T00:00:06.000Z,,b,poor",
        ];
        check(&BeaconBand, &[], EVENTS, &answers);
    }

    #[test]
    fn views_of_the_same_millisecond_are_rows_of_their_own() {
        let events = "
            page_viewed 2026-01-01T00:00:00 c=7 p=a l=1
            page_viewed 2026-01-01T00:00:00 c=7 p=a l=1
            page_viewed 2026-01-01T00:00:00 c=7 p=a l=9999";
        let answers = ["2026-01-01T00:00:00.000Z,7,a,good"; 2];
        check(&BeaconBand, &[], events, &[answers[0], answers[1], "2026-01-01T00:00:00.000Z,7,a,poor"]);
    }

    #[test]
    fn limits_can_be_set_and_may_leave_nothing_between_them() {
        let events = "
            page_viewed 2026-01-01T00:00:00 l=1000
            page_viewed 2026-01-01T00:00:01 l=1001";
        let answers = ["2026-01-01T00:00:00.000Z,,,good", "2026-01-01T00:00:01.000Z,,,poor"];
        check(&BeaconBand, &["good=1s", "poor=1000ms"], events, &answers);
    }

    #[test]
    fn limits_in_the_wrong_order_are_an_error_that_names_both() {
        let prepared = BeaconBand.prepare(&["good=5s".to_owned()], &Symbols::default());
        let error = prepared.err().unwrap().to_string();
        assert!(error.contains("good = '5s'") && error.contains("poor = '4000ms'"), "{error}");
    }
}

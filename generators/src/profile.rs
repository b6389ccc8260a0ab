//! Profiles of worlds: every parameter with its unit, range and meaning.
//!
//! `retail` names every parameter; other profiles, and profiles in files, say only what differs from it.

use flowbench_events::{Channel, nearest, parse_duration_ms};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

/// A complete choice of parameters.
///
/// [`Profile::named`] and [`Profile::from_toml`] return one, [`Profile::set`] changes it; all three check ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Short name.
    pub name: String,
    /// Purpose of this kind of world, in one line.
    pub about: String,
    /// Start of walks.
    pub arrivals: ArrivalsProfile,
    /// Bursts of walks.
    pub campaigns: CampaignsProfile,
    /// Customers.
    pub customers: CustomersProfile,
    /// Products.
    pub products: ProductsProfile,
    /// Visits in a walk.
    pub visits: VisitsProfile,
    /// Page views.
    pub pages: PagesProfile,
    /// Downloads of product information.
    pub downloads: DownloadsProfile,
    /// Conversion of visits into orders.
    pub conversion: ConversionProfile,
    /// Steps of an order.
    pub orders: OrdersProfile,
    /// Reviews.
    pub reviews: ReviewsProfile,
    /// Returns after a delivery.
    pub loyalty: LoyaltyProfile,
    /// Transport of events.
    pub transport: TransportProfile,
}

/// Transport of events from where they happen to the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransportProfile {
    /// Browsers.
    pub web: WebProfile,
    /// Apps.
    pub mobile: MobileProfile,
    /// Warehouses.
    pub warehouse: WarehouseProfile,
    /// Events held back in addition.
    pub disorder: DisorderProfile,
    /// Events delivered twice.
    pub duplicates: DuplicatesProfile,
    /// Outage of one channel.
    pub outage: OutageProfile,
    /// Idle time of one channel.
    pub idle: IdleProfile,
}

/// Disorder and duplicates requested by a profile, for comparison with the [`Facts`](crate::Facts) of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Requested share (0 to 1) of deliveries out of order: `transport.disorder.share`. A trace meets it within half a
    /// percentage point if events are many and dense (see the README). `None` if anything else in the transport brings
    /// events out of order as well, so that the share cannot be known beforehand.
    pub out_of_order_share: Option<f64>,
    /// Requested share (0 to 1) of events delivered twice: `transport.duplicates.share`.
    pub duplicates_share: f64,
}

/// The specification of a parameter: the static part of [`ProfileParameter`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Specification {
    /// Dotted name, as in TOML and `--set`.
    pub key: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// Minimum allowed value; durations are in ms.
    pub least: f64,
    /// Maximum allowed value; durations are in ms.
    pub most: f64,
    /// Meaning of the parameter.
    pub meaning: &'static str,
}

/// One parameter with its value, ready to be listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileParameter {
    /// Dotted name, as in TOML and `--set`.
    pub key: &'static str,
    /// The value as text that `set` would read.
    pub value: String,
    /// Range in words: `0 to 1`, `0 to 30d`, `web, mobile or warehouse`.
    pub range: String,
    /// Unit of the value.
    pub unit: Unit,
    /// Meaning of the parameter.
    pub meaning: &'static str,
}

/// Units of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A fraction, 0 to 1.
    Share,
    /// A whole number.
    Count,
    /// A number without unit, or in the unit its meaning names.
    Number,
    /// Text such as `250ms`, `15min`, `48h`, `7d`, or `0`.
    Duration,
    /// `web`, `mobile` or `warehouse`.
    Channel,
}

/// A duration in ms; in TOML text such as `15min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ms(pub i64);

/// An error in a profile or in one of its parameters.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ProfileError {
    /// No built-in profile of that name.
    #[error(
        "there is no profile '{name}'{}; the built-in ones are {}",
        did_you_mean(suggestion),
        Profile::NAMES.join(", ")
    )]
    UnknownProfile {
        /// The requested name.
        name: String,
        /// The nearest known name, if one is near.
        suggestion: Option<&'static str>,
    },
    /// No parameter of that name.
    #[error("{origin}: there is no parameter '{key}'{}", did_you_mean(suggestion))]
    UnknownParameter {
        /// File, or `--set`.
        origin: String,
        /// The dotted name.
        key: String,
        /// The nearest known name, if one is near.
        suggestion: Option<&'static str>,
    },
    /// A value of the wrong type.
    #[error("{origin}: {key} = {value} is not {expected}")]
    Unreadable {
        /// File, or `--set`.
        origin: String,
        /// The dotted name.
        key: &'static str,
        /// The value as given.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A value outside its range.
    #[error("{origin}: {key} = {value} is outside {range}")]
    OutOfRange {
        /// File, or `--set`.
        origin: String,
        /// The dotted name.
        key: &'static str,
        /// The value as given.
        value: String,
        /// The range in words.
        range: String,
    },
    /// Values that exclude each other.
    #[error("profile '{name}': {conflict}")]
    Conflict {
        /// Name of the profile.
        name: String,
        /// What excludes what, with the values.
        conflict: String,
    },
    /// Text that is not TOML, or not of the shape of a profile.
    #[error("{origin}: {message}")]
    Toml {
        /// The file.
        origin: String,
        /// The message of the parser, with line and column.
        message: String,
    },
}

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// One section: the struct with its documented fields, and the specification of each field.
macro_rules! section {
    ($about:literal $name:ident $path:literal $(
        $field:ident: $kind:ty = $unit:ident, $least:expr, $most:expr, $meaning:literal;
    )+) => {
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name { $(
            #[doc = concat!($meaning, ". Range: ", stringify!($least), " to ", stringify!($most), ".")]
            pub $field: $kind,
        )+ }

        impl $name {
            const SPECIFICATIONS: &'static [Specification] = &[ $( Specification {
                key: concat!($path, ".", stringify!($field)),
                unit: Unit::$unit,
                least: $least,
                most: $most,
                meaning: $meaning,
            }, )+ ];
        }
    };
}

section! { "When walks begin." ArrivalsProfile "arrivals"
    walks_per_day: f64 = Number, 1.0, 1e8, "walks that begin on an average day, campaigns left out";
    day_rhythm: f64 = Share, 0.0, 1.0, "swing of the rate over a day, as a share of its mean. The rate is a step by hour; 20:00 to 21:00 UTC is the top";
    week_rhythm: f64 = Share, 0.0, 1.0, "how far the rate of Saturday and Sunday is above the mean, as a share of it";
    run_in: Ms = Duration, 0.0, 365.0 * DAY, "how long the world goes on before the trace begins, so that it begins warm";
}

section! { "Bursts." CampaignsProfile "campaigns"
    every: Ms = Duration, 0.0, 365.0 * DAY, "period with one campaign, placed in it by the seed; 0 for none";
    length: Ms = Duration, 0.0, 30.0 * DAY, "how long a campaign lasts; 0 for none";
    factor: f64 = Number, 1.0, 1000.0, "the rate during a campaign, as a multiple of the rate without";
    focus_share: f64 = Share, 0.0, 1.0, "share of walks begun during a campaign that want the promoted product";
}

section! { "Who walks." CustomersProfile "customers"
    population: u32 = Count, 1.0, 1e9, "number of regular customers, among whom walks are shared out by Zipf's law";
    zipf_exponent: f64 = Number, 0.0, 3.0, "skew: rank r gets walks in proportion to 1 / r^exponent; 0 is uniform";
    new_customer_share: f64 = Share, 0.0, 1.0, "share of walks by a customer never seen before";
    whale_share: f64 = Share, 0.0, 1.0, "share of walks by one single customer";
    hot_drift_period: Ms = Duration, 0.0, 365.0 * DAY, "after this time other customers are the hot ones; 0 for never";
    mobile_share: f64 = Share, 0.0, 1.0, "share of customers that use the app";
    business_share: f64 = Share, 0.0, 1.0, "share of customers that buy for a business: larger orders";
    home_share: f64 = Share, 0.0, 1.0, "share of customers in GB; the others are spread over 11 countries";
}

section! { "What is looked at." ProductsProfile "products"
    count: u32 = Count, 1.0, 1e9, "number of products";
    zipf_exponent: f64 = Number, 0.0, 3.0, "skew of their popularity; 0 is uniform";
    focus_share: f64 = Share, 0.0, 1.0, "share of page views that show the product the walk is about";
}

section! { "Visits of a walk." VisitsProfile "visits"
    pages_mean: f64 = Number, 1.0, 20.0, "mean page views of a visit, geometric, at most 40 in one visit";
    page_gap_median: Ms = Duration, 1.0, HOUR, "time between page views of a visit: median of a log-normal";
    page_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    most: u32 = Count, 1.0, 4.0, "most visits before an order";
    return_share: f64 = Share, 0.0, 1.0, "share of visits without order that are followed by another visit";
    return_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "time to that visit: median of a log-normal";
    return_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    gap_max: Ms = Duration, HOUR, 60.0 * DAY, "any gap of a walk that would be longer is cut to this";
}

section! { "Page views." PagesProfile "pages"
    load_time_median: Ms = Duration, 1.0, MINUTE, "load time: median of a log-normal that holds for a whole visit";
    load_time_sigma: f64 = Number, 0.0, 2.0, "its sigma";
    load_time_jitter: f64 = Number, 0.0, 2.0, "sigma of the log-normal factor of each page on top (median 1)";
    bands_faster: u32 = Count, 0.0, 2.0, "what if: by how many bands (at most 2.5 s, at most 4 s, above) each visit loads faster, at the same quantile of that band";
}

section! { "Downloads of product information." DownloadsProfile "downloads"
    share: f64 = Share, 0.0, 1.0, "share of visits that end with a download";
    gap_median: Ms = Duration, 1.0, HOUR, "time from the last page view to it: median of a log-normal with sigma 1";
}

section! { "How a visit becomes an order." ConversionProfile "conversion"
    base_share: f64 = Share, 0.0, 1.0, "share of visits that would become an order if pages took no time";
    half_at: Ms = Duration, 1.0, MINUTE, "mean load time of a visit at which half of that share is left (logistic)";
    steepness: Ms = Duration, 1.0, MINUTE, "scale of the logistic; planted: slow pages convert less";
    same_visit_share: f64 = Share, 0.0, 1.0, "share of orders placed within the visit; the others come later";
    checkout_gap_median: Ms = Duration, 1.0, HOUR, "visit to its order: median of a log-normal with sigma 0.7";
    later_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "time to an order that comes later: median of a log-normal";
    later_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
}

section! { "The way of an order." OrdersProfile "orders"
    value_median: f64 = Number, 0.01, 1e6, "value of an order in currency units: median of a log-normal";
    value_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    business_factor: f64 = Number, 0.01, 1000.0, "orders of business customers are worth this many times as much";
    cancel_share: f64 = Share, 0.0, 1.0, "share of orders whose customer cancels; it has effect only before dispatch";
    cancel_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "placed to cancelled: median of a log-normal with sigma 1";
    pack_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "placed to packed: median of a log-normal";
    pack_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    dispatch_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "packed to dispatched: median of a log-normal";
    dispatch_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    delivery_gap_median: Ms = Duration, 1.0, 30.0 * DAY, "dispatched to delivered: median of a log-normal";
    delivery_gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
}

section! { "Reviews." ReviewsProfile "reviews"
    share: f64 = Share, 0.0, 1.0, "share of delivered orders that are reviewed";
    gap_median: Ms = Duration, 1.0, 30.0 * DAY, "delivered to review: median of a log-normal";
    gap_sigma: f64 = Number, 0.0, 3.0, "its sigma";
    late_after: Ms = Duration, 0.0, 60.0 * DAY, "a dispatch more than this after the order was placed is late";
    unhappy_share: f64 = Share, 0.0, 1.0, "share of reviews with rating 1 or 2 when dispatch was in time";
    unhappy_share_late: f64 = Share, 0.0, 1.0, "the same when it was late; planted: late dispatch lowers the rating";
}

section! { "Coming back after a delivery." LoyaltyProfile "loyalty"
    return_share: f64 = Share, 0.0, 1.0, "share of delivered orders followed by another visit";
    gap_min: Ms = Duration, 1.0, 30.0 * DAY, "least time to that visit: scale of a Pareto law";
    gap_shape: f64 = Number, 0.1, 10.0, "shape of the Pareto law; smaller is heavier";
}

section! { "Browsers." WebProfile "transport.web"
    delay_mean: Ms = Duration, 0.0, DAY, "delay while online: mean of an exponential; 0 for none";
    offline_share: f64 = Share, 0.0, 1.0, "share of browser events that happen offline and are sent later";
    offline_min: Ms = Duration, 1.0, DAY, "least time offline: scale of a Pareto law";
    offline_shape: f64 = Number, 0.1, 10.0, "shape of the Pareto law; smaller is heavier";
    offline_max: Ms = Duration, 1.0, 30.0 * DAY, "longer times offline are cut to this";
}

section! { "Apps." MobileProfile "transport.mobile"
    delay_mean: Ms = Duration, 0.0, DAY, "delay while online: mean of an exponential; 0 for none";
    offline_share: f64 = Share, 0.0, 1.0, "share of app events that happen offline and are sent later";
    offline_min: Ms = Duration, 1.0, DAY, "least time offline: scale of a Pareto law";
    offline_shape: f64 = Number, 0.1, 10.0, "shape of the Pareto law; smaller is heavier";
    offline_max: Ms = Duration, 1.0, 30.0 * DAY, "longer times offline are cut to this";
}

section! { "Warehouses." WarehouseProfile "transport.warehouse"
    batch_every: Ms = Duration, 0.0, DAY, "events wait for the next multiple of this time of day; 0 for no batches";
    upload_mean: Ms = Duration, 0.0, HOUR, "time in the upload after that: mean of an exponential; 0 for none";
    offline_share: f64 = Share, 0.0, 1.0, "share of warehouse events that happen offline and come later, in no batch";
    offline_min: Ms = Duration, 1.0, DAY, "least time offline: scale of a Pareto law";
    offline_shape: f64 = Number, 0.1, 10.0, "shape of the Pareto law; smaller is heavier";
    offline_max: Ms = Duration, 1.0, 30.0 * DAY, "longer times offline are cut to this";
}

section! { "Events held back on top of all that: how much disorder." DisorderProfile "transport.disorder"
    share: f64 = Share, 0.0, 1.0, "share of all events that are held back on top of all other delays: how much disorder";
    delay_min: Ms = Duration, 1.0, DAY, "least time they are held back: scale of a Pareto law";
    delay_shape: f64 = Number, 0.1, 10.0, "shape of the Pareto law; smaller is heavier";
    delay_max: Ms = Duration, 1.0, 30.0 * DAY, "longer times are cut to this";
}

section! { "Events delivered twice." DuplicatesProfile "transport.duplicates"
    share: f64 = Share, 0.0, 1.0, "share of events that are delivered a second time";
    delay_mean: Ms = Duration, 0.0, 7.0 * DAY, "how long after the first delivery, beyond 1 ms: mean of an exponential";
}

section! { "One channel that is down for a while." OutageProfile "transport.outage"
    channel: Channel = Channel, 0.0, 0.0, "the channel that is down";
    start: Ms = Duration, 0.0, 3650.0 * DAY, "when it goes down, after the start of the world";
    length: Ms = Duration, 0.0, 30.0 * DAY, "how long it is down; 0 for no outage";
    reconnect_over: Ms = Duration, 0.0, DAY, "what was held back arrives evenly over this time: the burst";
    shuffle: f64 = Share, 0.0, 1.0, "how far the burst has lost its order: 0 for none of it, 1 for all";
}

section! { "One channel that has nothing to say for a while." IdleProfile "transport.idle"
    channel: Channel = Channel, 0.0, 0.0, "the channel that is idle";
    start: Ms = Duration, 0.0, 3650.0 * DAY, "when it becomes idle, after the start of the world";
    length: Ms = Duration, 0.0, 30.0 * DAY, "how long: what happens meanwhile never comes; 0 for never idle";
}

impl Profile {
    /// Names of the built-in profiles.
    pub const NAMES: [&'static str; 5] = ["tiny", "retail", "calm", "stormy", "flash-sale"];

    /// Returns the built-in profile with this name.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] with a suggestion if there is no such profile.
    pub fn named(name: &str) -> Result<Profile, ProfileError> {
        let text = match name {
            "tiny" => include_str!("../profiles/tiny.toml"),
            "retail" => RETAIL,
            "calm" => include_str!("../profiles/calm.toml"),
            "stormy" => include_str!("../profiles/stormy.toml"),
            "flash-sale" => include_str!("../profiles/flash-sale.toml"),
            _ => {
                let suggestion = nearest(name, Self::NAMES);
                return Err(ProfileError::UnknownProfile { name: name.to_owned(), suggestion });
            }
        };
        Self::from_toml(text, name)
    }

    /// Returns the profile in `text`; parameters that it does not name are those of `retail`. `origin`, a file name, is
    /// for error messages.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for text that is not a profile, and for unknown parameters and values out of range.
    pub fn from_toml(text: &str, origin: &str) -> Result<Profile, ProfileError> {
        let parse = |text: &str, origin: &str| {
            text.parse::<Table>()
                .map_err(|error| ProfileError::Toml { origin: origin.to_owned(), message: error.to_string() })
        };
        let mut table = parse(RETAIL, "retail")?;
        for (key, value) in leaves(parse(text, origin)?) {
            let value = if key == "name" || key == "about" { value } else { checked(&key, value, origin)? };
            insert(&mut table, &key, value);
        }
        Self::from_table(table, origin)
    }

    /// Sets one parameter by its dotted key; `text` is as on the command line (`0.2`, `15min`, `mobile`).
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for an unknown parameter or a value out of range; the profile is then unchanged.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), ProfileError> {
        let value = match specification(key, "--set")?.unit {
            Unit::Share | Unit::Number => text.parse().map(Value::Float).ok(),
            Unit::Count => text.parse().map(Value::Integer).ok(),
            Unit::Duration | Unit::Channel => None,
        };
        let value = checked(key, value.unwrap_or_else(|| Value::String(text.to_owned())), "--set")?;
        let mut table = self.table();
        insert(&mut table, key, value);
        *self = Self::from_table(table, "--set")?;
        Ok(())
    }

    /// Returns all parameters with their values, in the order of the sections of [`Profile`].
    pub fn parameters(&self) -> Vec<ProfileParameter> {
        let values = leaves(self.table());
        let value =
            |key: &str| values.iter().find(|(name, _)| name == key).map_or(String::new(), |(_, value)| plain(value));
        let parameter = |specification: &Specification| {
            let Specification { key, unit, meaning, .. } = *specification;
            ProfileParameter { key, value: value(key), range: specification.range(), unit, meaning }
        };
        specifications().map(parameter).collect()
    }

    /// Returns the requested duplicates, and the requested disorder if a single parameter decides on it.
    pub fn asked(&self) -> Asked {
        let TransportProfile { web, mobile, warehouse, disorder, duplicates, outage, .. } = &self.transport;
        let shares = [web.offline_share, mobile.offline_share, warehouse.offline_share, duplicates.share];
        let times = [web.delay_mean, mobile.delay_mean, warehouse.batch_every, warehouse.upload_mean, outage.length];
        let else_in_order = shares.iter().all(|share| *share == 0.0) && times.iter().all(|time| time.0 == 0);
        Asked { out_of_order_share: else_in_order.then_some(disorder.share), duplicates_share: duplicates.share }
    }

    /// Returns true if the rate of events, and state with it, follows the time of day.
    pub fn has_day_rhythm(&self) -> bool {
        self.arrivals.day_rhythm > 0.0
    }

    /// Returns the whole profile as TOML, from which [`Profile::from_toml`] restores it.
    pub fn to_toml(&self) -> String {
        self.table().to_string()
    }

    /// Checks ranges, and parameters that exclude each other.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for the first violation.
    pub fn validate(&self) -> Result<(), ProfileError> {
        for (key, value) in leaves(self.table()) {
            if key != "name" && key != "about" {
                checked(&key, value, &self.name)?;
            }
        }
        let (campaigns, customers) = (&self.campaigns, &self.customers);
        let conflict = if campaigns.every.0 > 0 && campaigns.length > campaigns.every {
            format!("campaigns.length = {} is longer than campaigns.every = {}", campaigns.length, campaigns.every)
        } else if customers.new_customer_share + customers.whale_share > 1.0 {
            let (new, whale) = (customers.new_customer_share, customers.whale_share);
            format!("customers.new_customer_share = {new} and customers.whale_share = {whale} are more than 1 together")
        } else if let Some((delay, min, max)) = self.delays().into_iter().find(|(_, min, max)| min > max) {
            format!("transport.{delay}_min = {min} is longer than transport.{delay}_max = {max}")
        } else {
            return Ok(());
        };
        Err(ProfileError::Conflict { name: self.name.clone(), conflict })
    }

    /// The Pareto delays of the transport, each with its least and its maximum value.
    fn delays(&self) -> [(&'static str, Ms, Ms); 4] {
        let TransportProfile { web, mobile, warehouse, disorder, .. } = &self.transport;
        [
            ("web.offline", web.offline_min, web.offline_max),
            ("mobile.offline", mobile.offline_min, mobile.offline_max),
            ("warehouse.offline", warehouse.offline_min, warehouse.offline_max),
            ("disorder.delay", disorder.delay_min, disorder.delay_max),
        ]
    }

    fn table(&self) -> Table {
        Table::try_from(self).expect("a profile is a table of numbers and text")
    }

    fn from_table(table: Table, origin: &str) -> Result<Profile, ProfileError> {
        let toml_error = |error: toml::de::Error| error.to_string();
        let profile: Profile = table
            .try_into()
            .map_err(|error| ProfileError::Toml { origin: origin.to_owned(), message: toml_error(error) })?;
        profile.validate()?;
        Ok(profile)
    }
}

impl Specification {
    /// The range in words.
    pub fn range(&self) -> String {
        match self.unit {
            Unit::Duration => format!("{} to {}", Ms(self.least as i64), Ms(self.most as i64)),
            Unit::Channel => CHANNELS.to_owned(),
            _ => format!("{} to {}", self.least, self.most),
        }
    }

    /// The number behind a value, and the value in the type that the profile holds.
    fn read(&self, value: &Value) -> Option<(f64, Value)> {
        Some(match (self.unit, value) {
            (Unit::Share | Unit::Number, Value::Float(number)) => (*number, value.clone()),
            (Unit::Share | Unit::Number, Value::Integer(number)) => (*number as f64, Value::Float(*number as f64)),
            (Unit::Count, Value::Integer(number)) => (*number as f64, value.clone()),
            (Unit::Duration, Value::String(text)) => (parse_duration_ms(text).ok()? as f64, value.clone()),
            (Unit::Channel, Value::String(text)) => (Channel::from_name(text).map(|_| 0.0)?, value.clone()),
            _ => return None,
        })
    }
}

impl Unit {
    fn expected(self) -> &'static str {
        match self {
            Unit::Share | Unit::Number => "a number",
            Unit::Count => "a whole number",
            Unit::Duration => "a duration; write it like 250ms, 30s, 15min, 48h or 7d",
            Unit::Channel => CHANNELS,
        }
    }
}

impl TryFrom<String> for Ms {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_duration_ms(&text).map(Ms).map_err(|error| error.to_string())
    }
}

impl From<Ms> for String {
    fn from(duration: Ms) -> String {
        duration.to_string()
    }
}

impl std::fmt::Display for Ms {
    /// In the largest unit that divides it: `90min`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
        match units.into_iter().find(|(_, unit_ms)| self.0 % unit_ms == 0) {
            Some((unit, unit_ms)) if self.0 != 0 => write!(out, "{}{unit}", self.0 / unit_ms),
            _ => out.write_str("0"),
        }
    }
}

const RETAIL: &str = include_str!("../profiles/retail.toml");
const CHANNELS: &str = "web, mobile or warehouse";

/// The specification of every parameter.
fn specifications() -> impl Iterator<Item = &'static Specification> {
    [
        ArrivalsProfile::SPECIFICATIONS,
        CampaignsProfile::SPECIFICATIONS,
        CustomersProfile::SPECIFICATIONS,
        ProductsProfile::SPECIFICATIONS,
        VisitsProfile::SPECIFICATIONS,
        PagesProfile::SPECIFICATIONS,
        DownloadsProfile::SPECIFICATIONS,
        ConversionProfile::SPECIFICATIONS,
        OrdersProfile::SPECIFICATIONS,
        ReviewsProfile::SPECIFICATIONS,
        LoyaltyProfile::SPECIFICATIONS,
        WebProfile::SPECIFICATIONS,
        MobileProfile::SPECIFICATIONS,
        WarehouseProfile::SPECIFICATIONS,
        DisorderProfile::SPECIFICATIONS,
        DuplicatesProfile::SPECIFICATIONS,
        OutageProfile::SPECIFICATIONS,
        IdleProfile::SPECIFICATIONS,
    ]
    .into_iter()
    .flatten()
}

fn specification(key: &str, origin: &str) -> Result<&'static Specification, ProfileError> {
    specifications().find(|specification| specification.key == key).ok_or_else(|| {
        let suggestion = nearest(key, specifications().map(|specification| specification.key));
        ProfileError::UnknownParameter { origin: origin.to_owned(), key: key.to_owned(), suggestion }
    })
}

/// The value of parameter `key` in the type the profile holds, if it is known, readable and in range.
fn checked(key: &str, value: Value, origin: &str) -> Result<Value, ProfileError> {
    let specification = specification(key, origin)?;
    let (key, origin) = (specification.key, origin.to_owned());
    let Some((number, canonical)) = specification.read(&value) else {
        let expected = specification.unit.expected();
        return Err(ProfileError::Unreadable { origin, key, value: plain(&value), expected });
    };
    if !(specification.least..=specification.most).contains(&number) {
        return Err(ProfileError::OutOfRange { origin, key, value: plain(&value), range: specification.range() });
    }
    Ok(canonical)
}

/// The values of a nested table under their dotted names.
fn leaves(table: Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                found.extend(leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => found.push((key, value)),
        }
    }
    found
}

/// Puts a value under its dotted name; the tables on the way exist, since every name is checked before.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// A value as `set` would read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or(String::new(), |name| format!(" (did you mean '{name}'?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retail() -> Profile {
        Profile::named("retail").unwrap()
    }

    #[test]
    fn every_built_in_profile_is_valid_and_survives_its_own_toml() {
        for name in Profile::NAMES {
            let profile = Profile::named(name).unwrap();
            assert_eq!(profile.name, name);
            assert_eq!(Profile::from_toml(&profile.to_toml(), "again").unwrap(), profile);
        }
    }

    #[test]
    fn every_parameter_is_specified_once_and_can_be_set_to_its_own_value() {
        let mut profile = retail();
        let parameters = profile.parameters();
        assert_eq!(parameters.len(), leaves(profile.table()).len() - 2); // all but name and about
        for parameter in parameters {
            assert!(!parameter.value.is_empty(), "{}", parameter.key);
            profile.set(parameter.key, &parameter.value).unwrap();
        }
        assert_eq!(profile, retail());
    }

    #[test]
    fn both_ends_of_every_range_are_accepted_and_beyond_is_refused_by_name() {
        let mut tried = 0;
        for specification in specifications().filter(|specification| specification.unit != Unit::Channel) {
            tried += 1;
            let text = |number: f64| match specification.unit {
                Unit::Duration => Ms(number as i64).to_string(),
                _ => number.to_string(),
            };
            for end in [specification.least, specification.most] {
                match retail().set(specification.key, &text(end)) {
                    Ok(()) | Err(ProfileError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            let error = retail().set(specification.key, &text(specification.most * 2.0 + 1.0)).unwrap_err().to_string();
            assert!(error.contains(specification.key) && error.contains(&specification.range()), "{error}");
        }
        assert!(tried > 50, "{tried} parameters");
    }

    #[test]
    fn errors_name_the_thing_the_place_and_the_likely_fix() {
        let set = |key, text| retail().set(key, text).unwrap_err().to_string();
        assert_eq!(
            set("transport.mobile.offline_share", "1.5"),
            "--set: transport.mobile.offline_share = 1.5 is outside 0 to 1"
        );
        assert_eq!(set("customers.population", "0"), "--set: customers.population = 0 is outside 1 to 1000000000");
        assert_eq!(set("transport.web.delay_mean", "40d"), "--set: transport.web.delay_mean = 40d is outside 0 to 1d");
        assert_eq!(set("arrivals.day_rhythm", "NaN"), "--set: arrivals.day_rhythm = NaN is outside 0 to 1");
        assert_eq!(
            set("visits.gap_max", "5"),
            "--set: visits.gap_max = 5 is not a duration; write it like 250ms, 30s, 15min, 48h or 7d"
        );
        assert_eq!(set("products.count", "1.5"), "--set: products.count = 1.5 is not a whole number");
        assert_eq!(
            set("transport.outage.channel", "pigeon"),
            "--set: transport.outage.channel = pigeon is not web, mobile or warehouse"
        );
        assert_eq!(
            set("transport.mobil.offline_share", "0.1"),
            "--set: there is no parameter 'transport.mobil.offline_share' \
             (did you mean 'transport.mobile.offline_share'?)"
        );
        assert!(set("campaigns.length", "20d").contains("longer than campaigns.every"));
        assert_eq!(
            set("transport.warehouse.offline_max", "1min"),
            "profile 'retail': transport.warehouse.offline_min = 2min \
             is longer than transport.warehouse.offline_max = 1min"
        );
        assert!(set("transport.disorder.delay_min", "7h").contains("longer than transport.disorder.delay_max = 6h"));
        assert_eq!(
            Profile::named("retial").unwrap_err().to_string(),
            "there is no profile 'retial' (did you mean 'retail'?); \
             the built-in ones are tiny, retail, calm, stormy, flash-sale"
        );
    }

    #[test]
    fn disorder_is_asked_for_where_nothing_else_brings_it() {
        let asked = |settings: &[(&str, &str)]| {
            let mut profile = Profile::named("calm").unwrap();
            settings.iter().for_each(|(key, text)| profile.set(key, text).unwrap());
            profile.asked()
        };
        assert_eq!(asked(&[]), Asked { out_of_order_share: Some(0.0), duplicates_share: 0.0 });
        let disorder = ("transport.disorder.share", "0.2");
        let idle = ("transport.idle.length", "1h"); // leaves events out, moves none
        assert_eq!(asked(&[disorder, idle]), Asked { out_of_order_share: Some(0.2), duplicates_share: 0.0 });
        for other in [
            ("transport.web.delay_mean", "1ms"),
            ("transport.web.offline_share", "0.1"),
            ("transport.mobile.delay_mean", "1ms"),
            ("transport.mobile.offline_share", "0.1"),
            ("transport.warehouse.batch_every", "1s"),
            ("transport.warehouse.upload_mean", "1ms"),
            ("transport.warehouse.offline_share", "0.1"),
            ("transport.outage.length", "1s"),
        ] {
            assert_eq!(asked(&[disorder, other]).out_of_order_share, None, "{other:?}");
        }
        let twice = asked(&[disorder, ("transport.duplicates.share", "0.1")]);
        assert_eq!(twice, Asked { out_of_order_share: None, duplicates_share: 0.1 });
        assert_eq!(retail().asked(), Asked { out_of_order_share: None, duplicates_share: 0.002 });
    }

    #[test]
    fn a_profile_in_a_file_says_only_what_differs() {
        let profile = Profile::from_toml("name = 'mine'\n[customers]\nzipf_exponent = 1\n", "mine.toml").unwrap();
        assert_eq!((profile.name.as_str(), profile.customers.zipf_exponent), ("mine", 1.0));
        assert_eq!(profile.orders, retail().orders);
        let error = |text| Profile::from_toml(text, "mine.toml").unwrap_err().to_string();
        assert!(error("[customers]\nzipf = 1\n").starts_with("mine.toml: there is no parameter 'customers.zipf'"));
        assert!(error("customers = 1\n").starts_with("mine.toml: there is no parameter 'customers'"));
        assert!(error("[reviews]\nshare = 2\n").starts_with("mine.toml: reviews.share = 2 is outside 0 to 1"));
        assert!(error("[reviews\n").starts_with("mine.toml: TOML parse error at line 1"));
    }

    #[test]
    fn durations_are_written_in_the_largest_unit_that_divides_them() {
        for (ms, text) in [(0, "0"), (1, "1ms"), (1500, "1500ms"), (5_400_000, "90min"), (172_800_000, "2d")] {
            assert_eq!(Ms(ms).to_string(), text);
        }
    }
}

//! The life of a customer, one walk at a time.
//!
//! A walk is a semi-Markov process: a visit (page views with load times, sometimes a download) becomes an order or not;
//! without one the customer may come back a day later and look again. An order is packed, dispatched and delivered, or
//! cancelled on the way; then it may be reviewed, and the customer may come back. Gaps are heavy-tailed and reach days.
//!
//! Event times within a walk follow cause and effect. Everything is a function of (seed, walk): event ids are
//! `walk << 8 | ordinal`, order ids are the walk.
//!
//! Decision D-201.

use flowbench_events::{Channel, Event, Id, Kind, Record, Symbols, Value, mix};
use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;

use crate::arrivals::{Campaigns, WORLD_START_MS};
use crate::draws::{Alias, Chance, HashChain, Law, Quantiles, Zipf, draws_of};
use crate::load_time::LoadTime;
use crate::profile::{Ms, Profile};
use crate::transport::Transport;

/// All distributions from which a walk is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    seed: u64,
    customers: Customers,
    campaigns: Campaigns,
    campaign_focus_share: Chance,
    products: Zipf,
    product_focus_share: Chance,
    pages: Quantiles, // beyond the first
    page_gap: Quantiles,
    visits_most: u32,
    return_share: Chance,
    return_gap: Quantiles,
    load_time: LoadTime,
    load_jitter: Quantiles,
    download_share: Chance,
    download_gap: Quantiles,
    conversion: Conversion,
    same_visit_share: Chance,
    checkout_gap: Quantiles,
    later_gap: Quantiles,
    value: Quantiles,
    business_factor: f64,
    cancel_share: Chance,
    cancel_gap: Quantiles,
    pack_gap: Quantiles,
    dispatch_gap: Quantiles,
    delivery_gap: Quantiles,
    review_share: Chance,
    review_gap: Quantiles,
    late_after_ms: i64,
    unhappy_share: Chance,
    unhappy_share_late: Chance,
    loyalty_share: Chance,
    loyalty_gap: Quantiles,
}

/// Maximum page views of one visit. With at most 5 visits, 5 downloads and 6 more events a walk stays below 256
/// ordinals.
const PAGES_MOST: i64 = 40;
/// Maximum load time, in ms.
const LOAD_TIME_MOST_MS: f64 = 120_000.0;
/// Maximum value of an order, in thousandths of the currency unit.
const VALUE_MOST: f64 = 1e12;

impl Lifecycle {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        let Profile { visits, pages, downloads, conversion, orders, reviews, loyalty, .. } = profile;
        let gap_max_ms = visits.gap_max.0 as f64;
        let gap =
            |median: Ms, sigma: f64| Quantiles::new(Law::LogNormal { median: median.0 as f64, sigma }, gap_max_ms);
        let load = |median: f64, sigma: f64| Quantiles::new(Law::LogNormal { median, sigma }, LOAD_TIME_MOST_MS);
        // Cutting an exponential with this mean to whole numbers gives the geometric number of further pages.
        let further_pages = Law::Exponential { mean: -1.0 / libm::log(1.0 - 1.0 / visits.pages_mean) };
        let value = Law::LogNormal { median: orders.value_median * 1000.0, sigma: orders.value_sigma };
        let loyalty_law = Law::Pareto { least: loyalty.gap_min.0 as f64, shape: loyalty.gap_shape };
        Self {
            seed: mix(seed ^ 0x11fe),
            customers: Customers::new(profile, seed),
            campaigns: Campaigns::new(profile, seed),
            campaign_focus_share: Chance::new(profile.campaigns.focus_share),
            products: Zipf::new(profile.products.count, profile.products.zipf_exponent),
            product_focus_share: Chance::new(profile.products.focus_share),
            pages: Quantiles::new(further_pages, (PAGES_MOST - 1) as f64),
            page_gap: gap(visits.page_gap_median, visits.page_gap_sigma),
            visits_most: visits.most,
            return_share: Chance::new(visits.return_share),
            return_gap: gap(visits.return_gap_median, visits.return_gap_sigma),
            load_time: LoadTime::new(load(pages.load_time_median.0 as f64, pages.load_time_sigma), pages.bands_faster),
            load_jitter: load(1.0, pages.load_time_jitter),
            download_share: Chance::new(downloads.share),
            download_gap: gap(downloads.gap_median, 1.0),
            conversion: Conversion::new(conversion.base_share, conversion.half_at, conversion.steepness),
            same_visit_share: Chance::new(conversion.same_visit_share),
            checkout_gap: gap(conversion.checkout_gap_median, 0.7),
            later_gap: gap(conversion.later_gap_median, conversion.later_gap_sigma),
            value: Quantiles::new(value, VALUE_MOST),
            business_factor: orders.business_factor,
            cancel_share: Chance::new(orders.cancel_share),
            cancel_gap: gap(orders.cancel_gap_median, 1.0),
            pack_gap: gap(orders.pack_gap_median, orders.pack_gap_sigma),
            dispatch_gap: gap(orders.dispatch_gap_median, orders.dispatch_gap_sigma),
            delivery_gap: gap(orders.delivery_gap_median, orders.delivery_gap_sigma),
            review_share: Chance::new(reviews.share),
            review_gap: gap(reviews.gap_median, reviews.gap_sigma),
            late_after_ms: reviews.late_after.0,
            unhappy_share: Chance::new(reviews.unhappy_share),
            unhappy_share_late: Chance::new(reviews.unhappy_share_late),
            loyalty_share: Chance::new(loyalty.return_share),
            loyalty_gap: Quantiles::new(loyalty_law, gap_max_ms),
        }
    }

    /// Returns the generator of a walk; its first draw places the start.
    #[inline]
    pub(crate) fn draws(&self, walk: u64) -> Pcg64Mcg {
        draws_of(self.seed, walk)
    }

    /// Appends all deliveries of a walk that starts at `start_ms`, with the rest of its draws.
    #[inline]
    pub(crate) fn walk(&self, walk: u64, start_ms: i64, draws: Pcg64Mcg, transport: &Transport, out: &mut Vec<Event>) {
        Walk::new(self, walk, start_ms, draws, transport, out).run();
    }

    /// Returns the maximum number of walks: there are numbers for as many new customers and orders.
    pub(crate) fn walks_most(&self) -> u64 {
        u64::from(Id::FIRST_SYMBOL) - u64::from(self.customers.first_new)
    }
}

/// The distributions of customers and their traits.
#[derive(Debug, Clone)]
struct Customers {
    seed: u64,
    population: u32,
    ranks: Zipf,
    drift_period_ms: i64, // 0: never
    drift_step: u64,
    new_share: f64,
    new_or_whale_share: f64,
    first_new: u32, // regulars are 1..=population, the whale is the next, then come the new ones
    mobile_share: Chance,
    business_share: Chance,
    countries: Alias,
}

/// Traits that hold for all walks of a customer.
struct Traits {
    channel: Channel,
    business: bool,
    country: u16,
}

/// Countries with the weights of those that are not the home market.
const HOME: &str = "GB";
const ABROAD: [(&str, f64); 11] = [
    ("DE", 20.0),
    ("FR", 18.0),
    ("IE", 14.0),
    ("NL", 10.0),
    ("ES", 9.0),
    ("BE", 7.0),
    ("PT", 5.0),
    ("CH", 5.0),
    ("SE", 4.0),
    ("US", 4.0),
    ("AU", 4.0),
];

/// Returns the symbols of every world: the countries, GB first.
pub(crate) fn symbols() -> Symbols {
    let mut symbols = Symbols::default();
    for country in std::iter::once(HOME).chain(ABROAD.map(|(country, _)| country)) {
        symbols.country(country);
    }
    symbols
}

impl Customers {
    fn new(profile: &Profile, seed: u64) -> Self {
        let customers = &profile.customers;
        let abroad_total: f64 = ABROAD.iter().map(|(_, weight)| weight).sum();
        let abroad = ABROAD.map(|(_, weight)| weight / abroad_total * (1.0 - customers.home_share));
        let weights: Vec<f64> = std::iter::once(customers.home_share).chain(abroad).collect();
        Self {
            seed: mix(seed ^ 0xc057),
            population: customers.population,
            ranks: Zipf::new(customers.population, customers.zipf_exponent),
            drift_period_ms: customers.hot_drift_period.0,
            // The golden section of the population: hot sets of following periods are far apart.
            drift_step: (f64::from(customers.population) * 0.618_033_988_749_894_9) as u64,
            new_share: customers.new_customer_share,
            new_or_whale_share: customers.new_customer_share + customers.whale_share,
            first_new: customers.population + 2,
            mobile_share: Chance::new(customers.mobile_share),
            business_share: Chance::new(customers.business_share),
            countries: Alias::new(&weights),
        }
    }

    /// Draws the customer of walk `walk`.
    #[inline]
    fn of_walk(&self, walk: u64, start_ms: i64, draws: &mut Pcg64Mcg) -> Id {
        let who: f64 = draws.random();
        let rank = draws.sample(&self.ranks);
        if who < self.new_share {
            Id(self.first_new + walk as u32)
        } else if who < self.new_or_whale_share {
            Id(self.first_new - 1)
        } else if self.drift_period_ms == 0 {
            Id(1 + rank)
        } else {
            let period = ((start_ms - WORLD_START_MS) / self.drift_period_ms) as u64;
            Id(1 + ((u64::from(rank) + period * self.drift_step) % u64::from(self.population)) as u32)
        }
    }

    #[inline]
    fn traits(&self, customer: Id) -> Traits {
        let mut draws = HashChain::after(self.seed ^ u64::from(customer.0));
        let channel = if draws.sample(self.mobile_share) { Channel::Mobile } else { Channel::Web };
        // One number for both: the low half chooses the country, nearly always the high one decides on the business.
        let mut same = draws.clone();
        let business = draws.sample(self.business_share);
        Traits { channel, business, country: self.countries.at(same.next_u64() as u32) as u16 + 1 }
    }
}

/// The chance of an order by mean load time: `base / (1 + e^((load - half_at) / steepness))`.
#[derive(Debug, Clone)]
struct Conversion(Box<[Chance; CONVERSION_CELLS]>);

const CONVERSION_CELLS: usize = 1024;
const CONVERSION_CELL_MS: i64 = 32;

impl Conversion {
    fn new(base_share: f64, half_at: Ms, steepness: Ms) -> Self {
        Self(Box::new(std::array::from_fn(|cell| {
            let load_ms = (cell as f64 + 0.5) * CONVERSION_CELL_MS as f64;
            Chance::new(base_share / (1.0 + libm::exp((load_ms - half_at.0 as f64) / steepness.0 as f64)))
        })))
    }

    #[inline]
    fn at(&self, load_ms: i64) -> Chance {
        self.0[((load_ms / CONVERSION_CELL_MS) as usize).min(CONVERSION_CELLS - 1)]
    }
}

/// A walk in progress.
struct Walk<'a> {
    world: &'a Lifecycle,
    transport: &'a Transport,
    out: &'a mut Vec<Event>,
    draws: Pcg64Mcg,
    now_ms: i64,
    next_event_id: u64,
    customer: Id,
    traits: Traits,
    order: Id,
    product: Id, // what the walk is about
}

impl<'a> Walk<'a> {
    #[inline]
    fn new(
        world: &'a Lifecycle,
        walk: u64,
        start_ms: i64,
        mut draws: Pcg64Mcg,
        transport: &'a Transport,
        out: &'a mut Vec<Event>,
    ) -> Self {
        let customer = world.customers.of_walk(walk, start_ms, &mut draws);
        let traits = world.customers.traits(customer);
        let since_start_ms = start_ms - WORLD_START_MS;
        let own_wish = draws.sample(&world.products);
        let follows = draws.sample(world.campaign_focus_share) && world.campaigns.running(since_start_ms);
        let wish = if follows { world.campaigns.product(since_start_ms, &world.products) } else { own_wish };
        Self {
            world,
            transport,
            out,
            draws,
            now_ms: start_ms,
            next_event_id: walk << 8,
            customer,
            traits,
            order: Id(walk as u32),
            product: Id(1 + wish),
        }
    }

    fn run(mut self) {
        let world = self.world;
        let mut visits = 1;
        loop {
            let load_ms = self.visit();
            if self.draws.sample(world.conversion.at(load_ms)) {
                return self.order();
            }
            if visits == world.visits_most || !self.draws.sample(world.return_share) {
                return;
            }
            visits += 1;
            self.wait(&world.return_gap);
        }
    }

    /// Generates page views and perhaps a download, and returns the mean load time in ms.
    fn visit(&mut self) -> i64 {
        let world = self.world;
        let pages = 1 + world.pages.whole(&mut self.draws);
        let visit_load_ms = self.draws.sample(&world.load_time);
        let mut total_ms = 0;
        for page in 0..pages {
            if page > 0 {
                self.wait(&world.page_gap);
            }
            let load_ms = (visit_load_ms * self.draws.sample(&world.load_jitter)).min(LOAD_TIME_MOST_MS) as u32;
            total_ms += i64::from(load_ms);
            let mut view = self.record(Kind::PageViewed);
            if !self.draws.sample(world.product_focus_share) {
                view.product = Id(1 + self.draws.sample(&world.products));
            }
            view.load_time_ms = Some(load_ms);
            self.emit(view, self.traits.channel);
        }
        if self.draws.sample(world.download_share) {
            self.wait(&world.download_gap);
            let download = self.record(Kind::InfoDownloaded);
            self.emit(download, self.traits.channel);
        }
        total_ms / pages
    }

    /// Generates an order, from placed to what follows the delivery.
    fn order(mut self) {
        let world = self.world;
        let later = !self.draws.sample(world.same_visit_share);
        self.wait(if later { &world.later_gap } else { &world.checkout_gap });
        let factor = if self.traits.business { world.business_factor } else { 1.0 };
        let value = Value((self.draws.sample(&world.value) * factor).min(VALUE_MOST) as i64);
        let placed_ms = self.now_ms;
        self.step(Kind::OrderPlaced, value);

        let cancels = self.draws.sample(world.cancel_share);
        let cancelled_ms = if cancels { placed_ms + world.cancel_gap.gap_ms(&mut self.draws) } else { i64::MAX };
        for (gap, kind) in [(&world.pack_gap, Kind::OrderPacked), (&world.dispatch_gap, Kind::OrderDispatched)] {
            let next_ms = self.now_ms + gap.gap_ms(&mut self.draws);
            if cancelled_ms <= next_ms {
                self.now_ms = cancelled_ms;
                return self.step(Kind::OrderCancelled, value);
            }
            self.now_ms = next_ms;
            self.step(kind, value);
        }
        let late = self.now_ms - placed_ms > world.late_after_ms;
        self.wait(&world.delivery_gap);
        self.step(Kind::OrderDelivered, value);
        self.after_delivery(late);
    }

    fn after_delivery(mut self, late: bool) {
        let world = self.world;
        let delivered_ms = self.now_ms;
        if self.draws.sample(world.review_share) {
            self.wait(&world.review_gap);
            let mut review = self.record(Kind::ReviewPosted);
            review.order = self.order;
            review.rating = Some(self.rating(late));
            self.emit(review, self.traits.channel);
        }
        if self.draws.sample(world.loyalty_share) {
            self.now_ms = delivered_ms;
            self.wait(&world.loyalty_gap);
            self.visit();
        }
    }

    /// Draws a rating: 1 or 2 from the unhappy, in equal parts; 3, 4 and 5 from the others as 2 : 3 : 5.
    fn rating(&mut self, late: bool) -> u8 {
        let unhappy = if late { self.world.unhappy_share_late } else { self.world.unhappy_share };
        let which = self.draws.random_range(0..10_u64);
        match (self.draws.sample(unhappy), which) {
            (true, 0..5) => 1,
            (true, _) => 2,
            (false, 0..2) => 3,
            (false, 2..5) => 4,
            (false, _) => 5,
        }
    }

    #[inline]
    fn wait(&mut self, gap: &Quantiles) {
        self.now_ms += gap.gap_ms(&mut self.draws);
    }

    /// Emits a step of the order at the current time, by the customer or by the warehouse.
    fn step(&mut self, kind: Kind, value: Value) {
        let mut step = self.record(kind);
        step.order = self.order;
        step.value = Some(value);
        let by_customer = matches!(kind, Kind::OrderPlaced | Kind::OrderCancelled);
        self.emit(step, if by_customer { self.traits.channel } else { Channel::Warehouse });
    }

    #[inline]
    fn record(&self, kind: Kind) -> Record {
        let mut record = Record::new(self.next_event_id, kind, self.now_ms);
        record.customer = self.customer;
        record.product = self.product;
        record.country = self.traits.country;
        record
    }

    #[inline]
    fn emit(&mut self, mut record: Record, channel: Channel) {
        self.next_event_id += 1;
        record.channel = Some(channel);
        self.transport.deliver(Event::pack(record), channel, self.out);
    }
}

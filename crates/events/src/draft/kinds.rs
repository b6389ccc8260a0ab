//! Which column says what happened, and what its words mean.

use crate::draft::roles::words;
use crate::draft::table::Table;
use crate::event::Kind;

/// How the kind of an event is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KindGuess {
    Constant(Kind),
    Words {
        column: usize,
        words: Vec<KindWord>,
    },
    /// By the letter before the number of an invoice, as `C` of a cancelled one.
    InvoiceLetter {
        column: usize,
    },
}

/// A word of a log for something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KindWord {
    pub(super) word: String,
    /// How many of the rows say so.
    pub(super) rows: usize,
    /// `None`: not known.
    pub(super) meaning: Option<Kind>,
    /// What is next to it, but not the same.
    pub(super) is_guess: bool,
}

/// More than so many different words are no kinds.
const WORDS_MAX: usize = 60;

/// The column that tells kinds; of several, the one that is called so or has more words that are known.
pub(super) fn column(table: &Table, taken: &[usize]) -> Option<(usize, KindGuess)> {
    let candidates = (0..table.columns.len()).filter(|column| !taken.contains(column));
    let guesses = candidates.filter_map(|column| Some((column, known_words(table, column)?)));
    let best = guesses.rev().max_by_key(|(column, words)| score(table, *column, words))?;
    let (column, words) = best;
    Some((column, KindGuess::Words { column, words }))
}

/// What a word of somebody's log means, and whether that is only the nearest there is.
pub(super) fn meaning(word: &str) -> Option<(Kind, bool)> {
    let name = words(word).join("_");
    let is = |known: &[&str]| known.contains(&name.as_str());
    if let Some(kind) = Kind::from_name(&name) {
        return Some((kind, false));
    }
    let known: [(&[&str], Kind, bool); 11] = [
        (&ORDERS, Kind::OrderPlaced, false),
        (&VIEWS, Kind::PageViewed, false),
        (&["click", "clicked", "select_item", "impression"], Kind::PageViewed, true),
        (&["download", "downloaded", "file_download", "info_download"], Kind::InfoDownloaded, false),
        (&INTERESTS, Kind::InfoDownloaded, true),
        (
            &["cancel", "cancelled", "canceled", "cancellation", "order_canceled", "order_cancel"],
            Kind::OrderCancelled,
            false,
        ),
        (&["refund", "refunded", "return", "returned", "order_refunded"], Kind::OrderCancelled, true),
        (
            &["review", "reviewed", "rating", "rate", "rated", "review_submitted", "product_reviewed"],
            Kind::ReviewPosted,
            false,
        ),
        (
            &[
                "dispatch",
                "dispatched",
                "ship",
                "shipped",
                "shipment",
                "order_shipped",
                "order_fulfilled",
                "fulfilled",
                "sent",
            ],
            Kind::OrderDispatched,
            false,
        ),
        (&["deliver", "delivered", "delivery", "received"], Kind::OrderDelivered, false),
        (&["pack", "packed", "picked"], Kind::OrderPacked, false),
    ];
    known.into_iter().find(|(known, ..)| is(known)).map(|(_, kind, is_guess)| (kind, is_guess))
}

const ORDERS: [&str; 16] = [
    "order",
    "orders",
    "ordered",
    "purchase",
    "purchased",
    "transaction",
    "buy",
    "bought",
    "sale",
    "sold",
    "place_order",
    "order_created",
    "order_completed",
    "checkout_completed",
    "invoice",
    "placed",
];
const VIEWS: [&str; 16] = [
    "view",
    "viewed",
    "pv",
    "page_view",
    "pageview",
    "product_view",
    "product_viewed",
    "view_item",
    "item_view",
    "view_product",
    "detail",
    "detail_view",
    "screen_view",
    "visit",
    "browse",
    "page",
];
const INTERESTS: [&str; 13] = [
    "cart",
    "add_to_cart",
    "addtocart",
    "add_cart",
    "cart_add",
    "added_to_cart",
    "product_added",
    "fav",
    "favorite",
    "favourite",
    "wishlist",
    "add_to_wishlist",
    "begin_checkout",
];

/// The words of a column, if some of them are kinds.
fn known_words(table: &Table, column: usize) -> Option<Vec<KindWord>> {
    let words = words(&table.columns[column].name);
    let is_state = words.iter().any(|word| matches!(word.as_str(), "status" | "state"));
    if is_state && !words.iter().any(|word| word == "event") {
        return None; // what became of an order in the end is no event
    }
    let distinct = table.columns[column].distinct(WORDS_MAX + 1);
    if distinct.len() > WORDS_MAX {
        return None;
    }
    let kind_word = |(word, rows): &(&str, usize)| {
        let meaning = meaning(word);
        let is_guess = meaning.is_some_and(|(_, is_guess)| is_guess);
        KindWord { word: (*word).to_owned(), rows: *rows, meaning: meaning.map(|(kind, _)| kind), is_guess }
    };
    let words: Vec<KindWord> = distinct.iter().map(kind_word).collect();
    let known: usize = words.iter().filter(|word| word.meaning.is_some()).map(|word| word.rows).sum();
    let all: usize = words.iter().map(|word| word.rows).sum();
    let is_kind = known > 0 && (is_called_kind(&table.columns[column].name) || known * 2 >= all);
    is_kind.then_some(words)
}

fn score(table: &Table, column: usize, words: &[KindWord]) -> usize {
    let known: usize = words.iter().filter(|word| word.meaning.is_some()).map(|word| word.rows).sum();
    let is_called_so = is_called_kind(&table.columns[column].name);
    known + if is_called_so { table.rows + 1 } else { 0 }
}

fn is_called_kind(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "event",
        "type",
        "action",
        "activity",
        "behavior",
        "behaviour",
        "kind",
        "verb",
        "what",
        "operation",
        "eventtype",
        "eventname",
    ];
    words(name).iter().any(|word| NAMES.contains(&word.as_str()))
}

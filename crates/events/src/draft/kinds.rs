//! The column that holds the kind, and the meaning of its words.

use crate::draft::kind_names::{is_called_kind, is_called_state};
use crate::draft::roles::Roles;
use crate::draft::table::{Column, Table};
use crate::draft::words::words;
use crate::event::Kind;
use crate::fields::Field;

/// A guess at how the kind of an event is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KindGuess {
    Constant(Kind),
    Words {
        column: usize,
        words: Vec<KindWord>,
        /// Whether the words may only be the final states of orders.
        may_be_last: bool,
    },
    /// The letter before the number of an invoice, such as `C` of a cancelled one.
    InvoiceLetter {
        column: usize,
    },
}

/// A word of a log for a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KindWord {
    pub(super) word: String,
    /// The number of rows with this word.
    pub(super) rows: usize,
    /// The kind that the word means, or `None` if it is not known.
    pub(super) meaning: Option<Kind>,
    /// Whether the kind is only the nearest one.
    pub(super) is_guess: bool,
}

/// What is known of the rows before their kinds are.
pub(super) struct Rows {
    pub(super) order: Option<usize>,
    /// The column of the time of the event.
    pub(super) time: usize,
    /// Whether their time is that of the order, whatever became of it.
    pub(super) is_time_of_order: bool,
}

/// The maximum number of distinct words of a column that holds kinds.
const WORDS_MAX: usize = 60;
/// The maximum number of words that are listed in a comment.
const DOUBTFUL_WORDS_MAX: usize = 12;

/// Returns the column that holds kinds. A column with such a name is preferred, and then the one with more known words.
pub(super) fn column(table: &Table, taken: &[usize], rows: &Rows) -> Option<(usize, KindGuess)> {
    let candidates = (0..table.columns.len()).filter(|column| !taken.contains(column));
    let guesses = candidates.filter_map(|column| Some((column, known_words(table, column)?)));
    let guesses =
        guesses.filter(|(column, words)| !is_state(table, *column) || stands_for_rows(table, *column, words, rows));
    let best = guesses.rev().max_by_key(|(column, words)| score(table, *column, words))?;
    let (column, words) = best;
    let may_be_last = is_state(table, column) && !changes(table, column, rows);
    Some((column, KindGuess::Words { column, words, may_be_last }))
}

/// Returns the kind of all rows if no column holds kinds.
pub(super) fn without_column(table: &Table, roles: &Roles) -> KindGuess {
    if let Some(order) = roles.column(Field::Order) {
        let is_invoice = words(&table.columns[order].name).iter().any(|word| word.starts_with("invoice"));
        return if is_invoice && numbers_with_letters(&table.columns[order]) {
            KindGuess::InvoiceLetter { column: order }
        } else {
            KindGuess::Constant(Kind::OrderPlaced)
        };
    }
    let has = |field| roles.column(field).is_some();
    KindGuess::Constant(match () {
        () if has(Field::Rating) => Kind::ReviewPosted,
        () if has(Field::Value) => Kind::OrderPlaced,
        () => Kind::PageViewed,
    })
}

/// Returns the columns that may hold kinds although none is taken for it.
pub(super) fn doubtful(table: &Table, taken: &[usize], roles: &Roles) -> Vec<(usize, Vec<KindWord>)> {
    let is_free = |column: &usize| !taken.contains(column) && !roles.uses(*column);
    let candidate = |column: usize| {
        let is_called_so = is_state(table, column) || is_called_kind(&table.columns[column].name);
        let words = if is_called_so { all_words(table, column)? } else { return None };
        let is_known = words.iter().any(|word| word.meaning.is_some());
        let is_mostly_there = words.iter().map(|word| word.rows).sum::<usize>() * 2 >= table.rows;
        let changes = || {
            let order = roles.column(Field::Order).filter(|_| is_state(table, column));
            order.is_some_and(|order| !table.repeats(order, column).are_alike())
        };
        let is_candidate = is_mostly_there && words.len() <= DOUBTFUL_WORDS_MAX && (is_known || changes());
        is_candidate.then_some((column, words))
    };
    (0..table.columns.len()).filter(is_free).filter_map(candidate).collect()
}

/// Returns the kind that a word of a foreign log means, and whether it is only the nearest one.
pub(super) fn meaning(word: &str) -> Option<(Kind, bool)> {
    let name = words(word).join("_");
    let is = |known: &[&str]| known.contains(&name.as_str());
    if let Some(kind) = Kind::from_name(&name) {
        return Some((kind, false));
    }
    let known: [(&[&str], Kind, bool); 14] = [
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
        (&["created", "new"], Kind::OrderPlaced, true),
        (&["in_transit", "on_the_way"], Kind::OrderDispatched, true),
        (&["complete", "completed"], Kind::OrderDelivered, true),
    ];
    let found = known.into_iter().find(|(known, ..)| is(known)).map(|(_, kind, is_guess)| (kind, is_guess));
    let of_order =
        || name.strip_prefix("order_").and_then(meaning).filter(|(kind, _)| kind.name().starts_with("order_"));
    found.or_else(of_order)
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

/// Returns the words of a column if some of them are kinds.
fn known_words(table: &Table, column: usize) -> Option<Vec<KindWord>> {
    let words = all_words(table, column)?;
    let known: usize = words.iter().filter(|word| word.meaning.is_some()).map(|word| word.rows).sum();
    let all: usize = words.iter().map(|word| word.rows).sum();
    let is_kind = known > 0 && (is_called_kind(&table.columns[column].name) || known * 2 >= all);
    is_kind.then_some(words)
}

/// Returns the words of a column if it has only a few.
pub(super) fn all_words(table: &Table, column: usize) -> Option<Vec<KindWord>> {
    let distinct = table.columns[column].distinct(WORDS_MAX + 1);
    if distinct.len() > WORDS_MAX {
        return None;
    }
    let kind_word = |(word, rows): &(&str, usize)| {
        let meaning = meaning(word);
        let is_guess = meaning.is_some_and(|(_, is_guess)| is_guess);
        KindWord { word: (*word).to_owned(), rows: *rows, meaning: meaning.map(|(kind, _)| kind), is_guess }
    };
    Some(distinct.iter().map(kind_word).collect())
}

/// Returns true for a column of states, since a state may be the final one of an order and so not an event.
fn is_state(table: &Table, column: usize) -> bool {
    is_called_state(&table.columns[column].name)
}

/// Returns true if there seems to be a row for each state of an order.
fn stands_for_rows(table: &Table, column: usize, words: &[KindWord], rows: &Rows) -> bool {
    let first = words.iter().find_map(|word| word.meaning);
    let has_several = words.iter().any(|word| word.meaning.is_some() && word.meaning != first);
    let tells = has_several || words.iter().all(|word| word.meaning.is_some());
    tells && (changes(table, column, rows) || (has_several && !rows.is_time_of_order && !repeats(table, column, rows)))
}

/// Returns true if orders have several states or if there are no orders.
pub(super) fn changes(table: &Table, column: usize, rows: &Rows) -> bool {
    rows.order.is_none_or(|order| !table.repeats(order, column).are_alike())
}

/// Returns true if an order has several rows.
pub(super) fn repeats(table: &Table, column: usize, rows: &Rows) -> bool {
    rows.order.is_some_and(|order| table.repeats(order, column).rows > 0)
}

fn score(table: &Table, column: usize, words: &[KindWord]) -> usize {
    let known: usize = words.iter().filter(|word| word.meaning.is_some()).map(|word| word.rows).sum();
    let is_called_so = is_called_kind(&table.columns[column].name);
    known + if is_called_so { table.rows + 1 } else { 0 }
}

/// Returns true if nearly all cells are numbers, some with a letter before them.
fn numbers_with_letters(column: &Column) -> bool {
    let is_number = |cell: &str| {
        let digits = cell.strip_prefix(|first: char| first.is_ascii_uppercase()).unwrap_or(cell);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (numbers, all) = (column.present().filter(|cell| is_number(cell)).count(), column.present().count());
    all > 0 && numbers * 10 >= all * 9
}

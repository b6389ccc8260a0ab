//! What published logs call the columns of each field.

use crate::fields::Field;

/// The names that the column of a field may have, in lower case, the likeliest first.
pub(super) fn names(field: Field) -> &'static [&'static str] {
    match field {
        Field::EventId => &EVENT_IDS,
        Field::Customer => &CUSTOMERS,
        Field::Order => &ORDERS,
        Field::Product => &PRODUCTS,
        Field::Value => &TOTALS,
        Field::Country => &COUNTRIES,
        Field::LoadTimeMs => &LOAD_TIMES,
        Field::Rating => &RATINGS,
        Field::Channel => &CHANNELS,
        _ => &[],
    }
}

const TOTALS: [&str; 18] = [
    "value",
    "order_value",
    "total",
    "order_total",
    "grand_total",
    "total_price",
    "total_amount",
    "amount",
    "purchase_revenue",
    "revenue",
    "total_paid",
    "payment_value",
    "event_value",
    "base_grand_total",
    "net_amount",
    "sales",
    "subtotal",
    "turnover",
];
/// The names of a column that is the value unless there is a total.
pub(super) const PRICES: [&str; 8] =
    ["unit_price", "unitprice", "price", "item_price", "lineitem_price", "line_price", "product_price", "sale_price"];
/// The names of a column that a price is multiplied by.
pub(super) const QUANTITIES: [&str; 8] =
    ["quantity", "qty", "lineitem_quantity", "line_quantity", "units", "qty_ordered", "item_count", "pieces"];
const EVENT_IDS: [&str; 10] = [
    "event_id",
    "eventid",
    "event_uuid",
    "id_of_event",
    "id_of_the_event",
    "message_id",
    "messageid",
    "insert_id",
    "hit_id",
    "uuid",
];
const CUSTOMERS: [&str; 23] = [
    "customer_id",
    "customerid",
    "customer",
    "customer_no",
    "customer_number",
    "user_id",
    "userid",
    "user",
    "visitor_id",
    "visitorid",
    "visitor",
    "member_id",
    "client_id",
    "clientid",
    "buyer_id",
    "account_id",
    "user_pseudo_id",
    "distinct_id",
    "anonymous_id",
    "customer_email",
    "email",
    "who",
    "customer_name",
];
const ORDERS: [&str; 17] = [
    "order_id",
    "orderid",
    "order",
    "order_no",
    "order_number",
    "order_name",
    "increment_id",
    "invoice_no",
    "invoiceno",
    "invoice",
    "invoice_id",
    "invoice_number",
    "transaction_id",
    "transactionid",
    "transaction",
    "receipt_id",
    "basket_id",
];
const PRODUCTS: [&str; 17] = [
    "product_id",
    "productid",
    "product",
    "item_id",
    "itemid",
    "item",
    "stock_code",
    "stockcode",
    "sku",
    "product_sku",
    "lineitem_sku",
    "article_id",
    "article",
    "asin",
    "product_name",
    "item_name",
    "lineitem_name",
];
const COUNTRIES: [&str; 8] = [
    "country",
    "country_code",
    "country_name",
    "geo_country",
    "billing_country",
    "shipping_country",
    "customer_country",
    "country_id",
];
const LOAD_TIMES: [&str; 6] = ["load_time_ms", "load_time", "page_load_time", "loadtime", "page_load_ms", "load_ms"];
const RATINGS: [&str; 6] = ["rating", "review_score", "star_rating", "stars", "score", "overall"];
const CHANNELS: [&str; 4] = ["channel", "platform", "device", "source"];

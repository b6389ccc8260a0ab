//! What the subset does not have: its name, and what to write or which stage does it.

use sqlparser::ast::{Expr, Value};

/// Returns what is wrong with an expression that no stage evaluates.
pub(super) fn of_expression(expr: &Expr) -> &'static str {
    match expr {
        Expr::CompoundIdentifier(_) => "columns have no table before them; write the name alone",
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            "a subquery cannot stand here; write a stage absence, match or sequence in TOML for what another event decides"
        }
        Expr::Like { .. } | Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::RLike { .. } => {
            "texts are compared as a whole; write = or IN"
        }
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => {
            "there is no IS DISTINCT FROM; write = or <>, with IS NULL for what is absent"
        }
        Expr::IsTrue(_) | Expr::IsNotTrue(_) | Expr::IsFalse(_) | Expr::IsNotFalse(_) => {
            "there is no IS TRUE; write the condition alone, with IS NOT NULL for what must be known"
        }
        Expr::IsUnknown(_) | Expr::IsNotUnknown(_) => "there is no IS UNKNOWN; write IS NULL of the condition",
        Expr::Cast { .. } => "only days are cast; write CAST(event_time AT TIME ZONE 'UTC' AS DATE)",
        Expr::AtTimeZone { .. } => {
            "a time in a zone is only a step to its day; write CAST(event_time AT TIME ZONE 'UTC' AS DATE)"
        }
        Expr::Extract { .. } => "there is no EXTRACT; write concat(strftime(event_time, '%H')) for a part of a time",
        Expr::TypedString(_) => "the only typed text is a time; write TIMESTAMPTZ '2026-01-01T00:00:00Z'",
        Expr::Value(value) if value.value == Value::Null => "NULL is no value here; write IS NULL or IS NOT NULL",
        Expr::Value(_) => "this kind of literal is not supported; write 'text', a number, TRUE or FALSE",
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => "* stands alone here; write the names of the columns",
        Expr::Tuple(_) => "a list of values cannot stand here; write one value",
        Expr::Ceil { .. } | Expr::Floor { .. } => "nothing is rounded; write the number as it is",
        Expr::Substring { .. } | Expr::Trim { .. } | Expr::Overlay { .. } | Expr::Position { .. } => {
            "texts are not taken apart; write concat to put one together"
        }
        Expr::Collate { .. } => "texts have no collation; write = or IN",
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
            "there is one grouping; write the columns of one GROUP BY"
        }
        _ => "this expression is not supported; write comparisons, arithmetic, CASE, IN, BETWEEN or IS NULL",
    }
}

/// Returns what is wrong with a function that stages do not have; `None` if nothing is known of it.
pub(super) fn of_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "row_number" | "rank" | "dense_rank" | "ntile" | "percent_rank" | "cume_dist" => {
            "ranks are given by the stage top_k; write it in TOML: top_k = 10, by = \"orders\""
        }
        "lag" | "lead" | "first_value" | "nth_value" => {
            "neighbours are compared by the stage sequence; write it in TOML: sequence = [...], within = \"7d\""
        }
        "avg" | "stddev" | "variance" | "median" | "percentile_cont" => {
            "nothing is rounded; write sum(x) and count(x) as columns, and divide them where the answers are read"
        }
        "approx_count_distinct" => "no stage counts different values; write the value as a part of the key",
        "tumble_start" | "hop_start" => "the beginning of a window is a name; write window_start",
        "tumble_end" | "hop_end" => "the end of a window is a name; write window_end",
        "session_start" | "session_end" => "the bounds of a session are names; write session_start and session_end",
        "tumble" | "hop" | "session" => "windows stand in GROUP BY; write it there",
        "match_recognize" => "a way of several steps is the stage sequence; write it in TOML",
        "now" | "current_timestamp" | "current_date" => {
            "answers do not depend on the clock; write event_time, or a parameter of type time"
        }
        "date_trunc" | "time_bucket" | "date" => {
            "a time has no other part than its day; write CAST(event_time AT TIME ZONE 'UTC' AS DATE), or TUMBLE in GROUP BY"
        }
        "last" | "last_value" => "the last value is an aggregate; write last(x ORDER BY event_time, event_id)",
        "strftime" => "a text of a time stands in concat; write concat(strftime(event_time, '%Y-%m-%d'))",
        "has" => "there is no has; write x IS NOT NULL",
        "round" | "ceil" | "floor" | "trunc" => "nothing is rounded; write the number as it is",
        _ => return None,
    })
}

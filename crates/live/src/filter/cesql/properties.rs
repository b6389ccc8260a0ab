//! What holds for any expression, and what the public test kit does not ask.

use proptest::prelude::*;

use super::printer::printed;
use super::{CesqlErrorKind, CesqlExpression};
use crate::cloud_event::{AttributeValue, CloudEvent};

fn event() -> CloudEvent {
    let mut event = CloudEvent::new("1", "/shop", "order_placed");
    event.attributes.insert("count".to_owned(), AttributeValue::Integer(3));
    event.attributes.insert("paid".to_owned(), AttributeValue::Boolean(true));
    event.attributes.insert("subject".to_owned(), AttributeValue::Text("Größe 7".to_owned()));
    event
}

fn tree(text: &str) -> String {
    printed(&CesqlExpression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).root)
}

fn value(text: &str) -> AttributeValue {
    let result = CesqlExpression::parse(text).unwrap().evaluate(&event());
    assert_eq!(result.error, None, "{text}");
    result.value
}

fn failure(text: &str) -> (AttributeValue, CesqlErrorKind) {
    let result = CesqlExpression::parse(text).unwrap().evaluate(&event());
    (result.value, result.error.unwrap().kind)
}

fn refusal(text: &str) -> String {
    CesqlExpression::parse(text).unwrap_err().to_string()
}

/// Expressions as text, most of which are of the language.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[-+]?[0-9]{1,10}",
        "'[ a-c%_]{0,6}'",
        r#""([ab%_']|\\.){0,4}""#,
        r"'([ab%_]|\\.){0,4}'",
        prop_oneof!["true", "FALSE", "id", "Type", "count", "paid", "subject", "missing", "EXISTS paid"]
            .prop_map(|text: String| text),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop_oneof!["AND|OR|XOR|and|or", "=|!=|<>|<|<=|>|>=", "[-+*/%]"];
        let function = "ABS|BOOL|INT|STRING|IS_INT|LENGTH|LOWER|trim|CONCAT|LEFT|RIGHT|SUBSTRING|CONCAT_WS|NONE";
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(x, operator, y)| format!("{x} {operator} {y}")),
            (inner.clone(), "(NOT )?LIKE '[abr%_]{0,5}'").prop_map(|(x, like)| format!("{x} {like}")),
            (inner.clone(), "(NOT )?IN", prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(x, operator, set)| format!("{x} {operator} ({})", set.join(", "))),
            (function, prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            inner.clone().prop_map(|x| format!("({x})")),
            inner.clone().prop_map(|x| format!("NOT {x}")),
            inner.prop_map(|x| format!("- {x}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_an_expression_or_an_error_and_never_a_panic(text in prop_oneof!["\\PC{0,60}",
        "([a-c0-9 ()'\"\\\\=<>%_,+*/!-]|AND|NOT|LIKE|IN|EXISTS|LEFT|true){0,30}"]) {
        if let Ok(expression) = CesqlExpression::parse(&text) {
            expression.evaluate(&event());
        }
    }

    #[test]
    fn what_is_printed_reads_as_the_same_expression(text in expressions()) {
        if let Ok(expression) = CesqlExpression::parse(&text) {
            let again = CesqlExpression::parse(&printed(&expression.root)).unwrap();
            prop_assert_eq!(printed(&again.root), printed(&expression.root));
            let (result, result_again) = (expression.evaluate(&event()), again.evaluate(&event()));
            prop_assert_eq!(result.value, result_again.value);
            prop_assert_eq!(result.error.map(|error| error.kind), result_again.error.map(|error| error.kind));
        }
    }

    #[test]
    fn an_expression_holds_just_if_its_value_is_true_without_an_error(text in expressions()) {
        if let Ok(expression) = CesqlExpression::parse(&text) {
            let result = expression.evaluate(&event());
            let expected = result.error.is_none().then(|| result.value == AttributeValue::Boolean(true));
            prop_assert_eq!(expression.holds(&event()), expected);
        }
    }
}

#[test]
fn operators_bind_as_the_specification_orders_them() {
    assert_eq!(tree("a OR b AND c"), "((a OR b) AND c)");
    assert_eq!(tree("a OR b XOR c OR d"), "(((a OR b) XOR c) OR d)");
    assert_eq!(tree("NOT a = b"), "((NOT a) = b)");
    assert_eq!(tree("NOT a LIKE 'b'"), "((NOT a) LIKE 'b')");
    assert_eq!(tree("a NOT LIKE 'b' = c"), "((NOT (a LIKE 'b')) = c)");
    assert_eq!(tree("NOT EXISTS a AND b"), "((NOT (EXISTS a)) AND b)");
    assert_eq!(tree("a + b * c < d = e AND f"), "((((a + (b * c)) < d) = e) AND f)");
    assert_eq!(tree("a * b IN (c) LIKE 'd'"), "(a * ((b IN (c)) LIKE 'd'))");
    assert_eq!(tree("a - b - -c"), "((a - b) - (-(c)))");
    assert_eq!(tree("4 -1"), "(4 - 1)");
    assert_eq!(tree("--1 + +2"), "((-(-1)) + 2)");
    assert_eq!(tree("- NOT a"), "(-((NOT a)))");
    assert_eq!(tree("left + LEFT (A, 12b)"), "(left + LEFT(a, 12b))");
}

#[test]
fn a_text_that_is_no_expression_says_why() {
    assert_eq!(
        refusal(""),
        "parse error at column 1: the expression ends where a value, an attribute, a function or a parenthesis should be"
    );
    assert!(refusal("é = 1").starts_with("parse error at column 1: unexpected 'é'"));
    assert!(refusal("'ü' = _").contains("column 7: unexpected '_'"));
    assert!(refusal("my_name = 1").contains("without underscores"));
    assert!(refusal("a1(2)").contains("function is of letters"));
    assert!(refusal("type LIKE subject").ends_with("'subject' is where a pattern in quotes should be"));
    assert!(refusal("a IN ()").contains("')' is where a value"));
    assert!(refusal("a IN (1").ends_with("the expression ends where a comma or ')' should be"));
    assert!(refusal("EXISTS (id)").ends_with("'(' is where the name of an attribute should be"));
    assert!(refusal("a b").ends_with("'b' is where an operator or the end should be"));
    assert!(refusal("'it''s'").contains("a text in quotes is where an operator"));
    assert!(refusal("in = 1").contains("the keyword IN is where a value"));
    assert!(refusal("2147483648").contains("beyond 32 bits"));
    assert!(refusal("- 2147483648").contains("beyond 32 bits"));
    assert!(refusal("+ 5").contains("'+' is where a value"));
    assert!(refusal("a NOT b").contains("the keyword NOT is where an operator"));
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(CesqlExpression::parse(&nested(255)).is_ok());
    assert!(refusal(&nested(256)).contains("more than 256"));
    assert!(refusal(&"(".repeat(16 * 1024)).contains("more than 256"));
    assert!(refusal(&"NOT ".repeat(4000)).contains("more than 256"));
    let chain = |terms: usize| vec!["count = 7"; terms].join(" OR ");
    assert_eq!(CesqlExpression::parse(&chain(255)).unwrap().evaluate(&event()).value, AttributeValue::Boolean(false));
    assert!(refusal(&chain(256)).contains("more than 256"));
    assert!(refusal(&" ".repeat(16 * 1024 + 1)).contains("16385 bytes, more than 16384"));
}

#[test]
fn numbers_of_32_bits_do_not_overflow_in_silence() {
    let math = (AttributeValue::Integer(0), CesqlErrorKind::Math);
    for text in ["2147483647 + 1", "-2147483648 - 1", "65536 * 65536", "-2147483648 / -1", "--2147483648", "1 % 0"] {
        assert_eq!(failure(text), math, "{text}");
    }
    assert_eq!(value("-2147483648 % -1"), AttributeValue::Integer(0));
    assert_eq!(value("-7 / 2"), AttributeValue::Integer(-3));
    assert_eq!(value("-7 % 2"), AttributeValue::Integer(-1));
}

#[test]
fn an_error_passes_upwards_with_the_zero_value_of_each_operator() {
    use CesqlErrorKind::{Cast, FunctionEvaluation, Generic, Math, MissingAttribute, MissingFunction};
    let no = AttributeValue::Boolean(false);
    assert_eq!(failure("missing OR true"), (no.clone(), MissingAttribute));
    assert_eq!(failure("NOT (1 / 0 = 1)"), (no.clone(), Math));
    assert_eq!(failure("LEFT('abc', -1) = 'abc'"), (no.clone(), FunctionEvaluation));
    assert_eq!(failure("CONCAT('a', missing)"), (AttributeValue::Text(String::new()), MissingAttribute));
    assert_eq!(failure("LENGTH(missing)"), (AttributeValue::Integer(0), MissingAttribute));
    assert_eq!(failure("nothing(1 / 0)"), (no.clone(), MissingFunction));
    assert_eq!(failure("subject = 7"), (no.clone(), Cast));
    assert_eq!(failure("1 IN ('x', 1)"), (no, Cast));
    assert_eq!(value("1 IN (1, 'x')"), AttributeValue::Boolean(true));
    assert_eq!(value("EXISTS missing AND missing = 1"), AttributeValue::Boolean(false));
    let doubled = format!("CONCAT({})", vec!["CONCAT('0123456789','0123456789')"; 450].join(","));
    assert_eq!(value(&format!("LENGTH({doubled})")), AttributeValue::Integer(9000));
    let mut event = event();
    event.attributes.insert("subject".to_owned(), AttributeValue::Text("x".repeat(40_000)));
    let result = CesqlExpression::parse("CONCAT(subject, subject) = 'x'").unwrap().evaluate(&event);
    assert_eq!(result.error.unwrap().kind, Generic);
    event.attributes.insert("subject".to_owned(), AttributeValue::Text("x".repeat(64 * 1024 + 1)));
    let result = CesqlExpression::parse("subject LIKE 'x%'").unwrap().evaluate(&event);
    assert_eq!(result.error.unwrap().kind, Generic);
}

#[test]
fn texts_are_counted_in_characters() {
    let text = |expression: &str| value(expression).to_text();
    assert_eq!(text("LENGTH(subject)"), "7");
    assert_eq!(text("LEFT(subject, 3)"), "Grö");
    assert_eq!(text("RIGHT(UPPER(subject), 4)"), "SE 7");
    assert_eq!(text("SUBSTRING(subject, -4, 2)"), "ße");
    assert_eq!(text("SUBSTRING(subject, 7, 100)"), "7");
    assert_eq!(text("TRIM('\u{2003}a\u{a0}')"), "a");
    assert_eq!(value("subject LIKE 'Gr__e%'"), AttributeValue::Boolean(true));
    assert_eq!(failure("SUBSTRING('', 1)").1, CesqlErrorKind::FunctionEvaluation);
    assert_eq!(failure("SUBSTRING('abc', 0, -1)").1, CesqlErrorKind::FunctionEvaluation);
}

#[test]
fn functions_of_the_drafts_say_whether_a_cast_succeeds() {
    for (text, expected) in [
        ("IS_INT('-1')", true),
        ("IS_INT(TRUE)", true),
        ("IS_INT('x')", false),
        ("IS_BOOL('FALSE')", true),
        ("IS_BOOL(1)", true),
        ("IS_BOOL('1')", false),
    ] {
        assert_eq!(value(text), AttributeValue::Boolean(expected), "{text}");
    }
}

#[test]
fn an_error_of_an_evaluation_says_where_and_what_to_do() {
    let error = |text: &str| CesqlExpression::parse(text).unwrap().evaluate(&event()).error.unwrap().to_string();
    assert_eq!(
        error("count = 3 AND colour = 'red'"),
        "missingAttribute error at column 15: the event has no attribute 'colour'; ask for it first: EXISTS colour AND ..."
    );
    assert!(error("LEFT('abc')").contains("LEFT/2"));
}

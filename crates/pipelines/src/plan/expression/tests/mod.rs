mod cel;

use std::fmt::Write;

use flowbench_events::{Channel, Event, Kind, Record, Symbols, Value};
use proptest::prelude::*;

use super::compile::Compiler;
use super::conjunction::Conjunction;
use super::names::Names;
use super::node::{Failures, Scope};
use super::parser::parse;
use super::types::Type;

/// An expression as the tests make it up, with all its brackets.
#[derive(Debug, Clone)]
enum Sample {
    Whole(i64),
    Money(i64),
    Text(&'static str),
    Field(&'static str),
    Flag(bool),
    Has(&'static str),
    Not(Box<Sample>),
    Minus(Box<Sample>),
    Join(&'static str, Vec<Sample>),
    Infix(&'static str, Box<[Sample; 2]>),
    In(&'static str, Vec<&'static str>),
    If(Box<[Sample; 3]>),
}

/// A value as a reader of the page would write it down.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Flag(bool),
    Number(i128),
    Text(String),
}

/// A calculation has no result in 64 bits.
#[derive(Debug, PartialEq)]
struct NoResult;

impl Sample {
    fn write(&self, out: &mut String) {
        match self {
            Sample::Whole(number) if *number < 0 => write!(out, "(-{})", number.unsigned_abs()).unwrap(),
            Sample::Whole(number) => write!(out, "{number}").unwrap(),
            Sample::Money(thousandths) if *thousandths < 0 => write!(out, "(-{})", Value(-thousandths)).unwrap(),
            Sample::Money(thousandths) => write!(out, "{}", Value(*thousandths)).unwrap(),
            Sample::Text(text) => write!(out, "'{text}'").unwrap(),
            Sample::Field(name) => out.push_str(name),
            Sample::Flag(flag) => write!(out, "{flag}").unwrap(),
            Sample::Has(name) => write!(out, "has({name})").unwrap(),
            Sample::Not(operand) => bracketed("!", operand, out),
            Sample::Minus(operand) => bracketed("-", operand, out),
            Sample::Join(operator, operands) => {
                out.push('(');
                for (at, operand) in operands.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { operator });
                    operand.write(out);
                }
                out.push(')');
            }
            Sample::Infix(operator, both) => {
                bracketed("", &both[0], out);
                write!(out, " {operator} ").unwrap();
                bracketed("", &both[1], out);
            }
            Sample::In(name, list) => write!(out, "{name} in {list:?}").unwrap(),
            Sample::If(choice) => {
                bracketed("", &choice[0], out);
                bracketed(" ? ", &choice[1], out);
                bracketed(" : ", &choice[2], out);
            }
        }
    }

    /// Walks the tree with wide numbers and texts: the judge of what is compiled.
    fn value(&self, event: &Event, symbols: &Symbols) -> Result<Option<Plain>, NoResult> {
        let flag = |flag| Ok(Some(Plain::Flag(flag)));
        let of = |sample: &Sample| sample.value(event, symbols);
        match self {
            Sample::Whole(number) | Sample::Money(number) => Ok(Some(Plain::Number((*number).into()))),
            Sample::Text(text) => Ok(Some(Plain::Text((*text).to_owned()))),
            Sample::Flag(value) => flag(*value),
            Sample::Field(name) => Ok(field(name, event, symbols)),
            Sample::Has(name) => flag(field(name, event, symbols).is_some()),
            Sample::In(name, list) => Ok(field(name, event, symbols)
                .map(|value| Plain::Flag(list.iter().any(|text| value == Plain::Text((*text).to_owned()))))),
            Sample::Not(operand) => match of(operand)? {
                Some(Plain::Flag(value)) => flag(!value),
                _ => Ok(None),
            },
            Sample::Minus(operand) => match of(operand)? {
                Some(Plain::Number(number)) => fitting(-number),
                _ => Ok(None),
            },
            Sample::Join(operator, operands) => {
                let decides = *operator == "||";
                let mut result = Some(!decides);
                for operand in operands {
                    match of(operand)? {
                        Some(Plain::Flag(value)) if value == decides => return flag(decides),
                        Some(_) => {}
                        None => result = None,
                    }
                }
                Ok(result.map(Plain::Flag))
            }
            Sample::Infix(operator, both) => match (of(&both[0])?, of(&both[1])?) {
                (Some(left), Some(right)) => infix(operator, left, right),
                _ => Ok(None),
            },
            Sample::If(choice) => match of(&choice[0])? {
                Some(Plain::Flag(true)) => of(&choice[1]),
                Some(Plain::Flag(false)) => of(&choice[2]),
                _ => Ok(None),
            },
        }
    }
}

fn bracketed(before: &str, operand: &Sample, out: &mut String) {
    write!(out, "{before}(").unwrap();
    operand.write(out);
    out.push(')');
}

fn infix(operator: &str, left: Plain, right: Plain) -> Result<Option<Plain>, NoResult> {
    let (left, right) = match (left, right) {
        (Plain::Number(left), Plain::Number(right)) => (left, right),
        (left, right) => return Ok(Some(Plain::Flag((left == right) == (operator == "==")))),
    };
    let flag = |flag| Ok(Some(Plain::Flag(flag)));
    match operator {
        "==" => flag(left == right),
        "!=" => flag(left != right),
        "<" => flag(left < right),
        "<=" => flag(left <= right),
        ">" => flag(left > right),
        ">=" => flag(left >= right),
        "+" => fitting(left + right),
        "-" => fitting(left - right),
        "*" => fitting(left * right),
        "/" if right != 0 => fitting(left / right),
        "%" if right != 0 => fitting(left % right),
        _ => Err(NoResult),
    }
}

fn fitting(number: i128) -> Result<Option<Plain>, NoResult> {
    let fits = number.unsigned_abs() <= i64::MAX as u128;
    if fits { Ok(Some(Plain::Number(number))) } else { Err(NoResult) }
}

fn field(name: &str, event: &Event, symbols: &Symbols) -> Option<Plain> {
    let number = |number: i64| Plain::Number(number.into());
    let record = event.record();
    let text = |text: String| (!text.is_empty()).then_some(Plain::Text(text));
    match name {
        "kind" => text(record.kind.name().to_owned()),
        "channel" => record.channel.and_then(|channel| text(channel.name().to_owned())),
        "country" => text(symbols.country_name(record.country).to_owned()),
        "customer" => {
            let mut name = String::new();
            symbols.push_id(record.customer, &mut name);
            text(name)
        }
        "value" => record.value.map(|value| number(value.0)),
        "rating" => record.rating.map(|rating| number(rating.into())),
        "load_time_ms" => record.load_time_ms.map(|ms| number(ms.into())),
        _ => panic!("{name}"),
    }
}

fn integer() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        (-3_i64..9).prop_map(Sample::Whole),
        Just(Sample::Whole(i64::MAX)),
        Just(Sample::Field("rating")),
        Just(Sample::Field("load_time_ms")),
    ];
    let leaf = prop_oneof![4 => leaf, 1 => bands()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let infix = (prop::sample::select(vec!["+", "-", "*", "/", "%"]), [inner.clone(), inner.clone()]);
        prop_oneof![
            infix.prop_map(|(operator, both)| Sample::Infix(operator, Box::new(both))),
            inner.clone().prop_map(|operand| Sample::Minus(Box::new(operand))),
            [inner.clone(), inner].prop_map(|[yes, no]| {
                Sample::If(Box::new([Sample::Infix("<", Box::new([yes.clone(), Sample::Whole(2)])), yes, no]))
            }),
        ]
    })
}

/// Choices one after the other, mostly by the same field, mostly between constants.
fn bands() -> impl Strategy<Value = Sample> {
    let field = prop_oneof![4 => Just(Sample::Field("rating")), 1 => Just(Sample::Field("load_time_ms"))];
    let compared = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let word = || prop_oneof![4 => (-3_i64..9).prop_map(Sample::Whole), 1 => Just(Sample::Field("rating"))];
    let choice = (field, compared, -1_i64..7, word(), any::<bool>());
    (prop::collection::vec(choice, 1..5), word()).prop_map(|(choices, last)| {
        choices.into_iter().fold(last, |no, (field, compared, bound, yes, is_first)| {
            let both = if is_first { [field, Sample::Whole(bound)] } else { [Sample::Whole(bound), field] };
            Sample::If(Box::new([Sample::Infix(compared, Box::new(both)), yes, no]))
        })
    })
}

fn money() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        (-3_i64..4).prop_map(|units| Sample::Money(units * 500)),
        Just(Sample::Money(i64::MAX)),
        Just(Sample::Field("value")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let infix = (prop::sample::select(vec!["+", "-"]), [inner.clone(), inner.clone()]);
        prop_oneof![
            infix.prop_map(|(operator, both)| Sample::Infix(operator, Box::new(both))),
            (inner.clone(), integer()).prop_map(|(amount, times)| Sample::Infix("*", Box::new([amount, times]))),
            inner.prop_map(|operand| Sample::Minus(Box::new(operand))),
        ]
    })
}

const TEXTS: [(&str, [&str; 3]); 4] = [
    ("kind", ["order_placed", "page_viewed", "review_posted"]),
    ("channel", ["web", "mobile", "warehouse"]),
    ("country", ["GB", "FR", "Atlantis"]),
    ("customer", ["7", "x", "nobody"]),
];

fn condition() -> impl Strategy<Value = Sample> {
    let compared = (compared(), [money(), money()]);
    joined(prop_oneof![
        4 => plain_condition(),
        1 => compared.prop_map(|(operator, both)| Sample::Infix(operator, Box::new(both))),
        1 => prop::sample::select(vec!["value", "rating", "customer", "country"]).prop_map(Sample::Has),
    ])
}

fn compared() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="])
}

/// Conditions on whole numbers and texts.
fn plain_condition() -> impl Strategy<Value = Sample> {
    let text = (prop::sample::select(TEXTS.to_vec()), 0..3_usize, any::<bool>(), any::<bool>());
    prop_oneof![
        (compared(), [integer(), integer()]).prop_map(|(operator, both)| Sample::Infix(operator, Box::new(both))),
        text.prop_map(|((name, texts), at, is_equal, is_first)| {
            let (one, other) = (Sample::Field(name), Sample::Text(texts[at]));
            let both = if is_first { [one, other] } else { [other, one] };
            Sample::Infix(if is_equal { "==" } else { "!=" }, Box::new(both))
        }),
        (prop::sample::select(TEXTS.to_vec()), 1..4_usize)
            .prop_map(|((name, texts), length)| Sample::In(name, texts[..length].to_vec())),
        any::<bool>().prop_map(Sample::Flag),
    ]
}

fn joined(leaf: impl Strategy<Value = Sample> + 'static) -> impl Strategy<Value = Sample> {
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (prop::sample::select(vec!["&&", "||"]), list).prop_map(|(operator, all)| Sample::Join(operator, all)),
            inner.prop_map(|operand| Sample::Not(Box::new(operand))),
        ]
    })
}

fn event() -> impl Strategy<Value = (Event, Symbols)> {
    let some = prop::option::of::<BoxedStrategy<i64>>;
    let value = some(prop_oneof![-2000_i64..2000, Just(i64::MAX), Just(-i64::MAX)].boxed());
    (0..8_usize, value, some((1..6_i64).boxed()), some((0..9_i64).boxed()), 0..4_usize, 0..4_usize, 0..3_u16).prop_map(
        |(kind, value, rating, load_time_ms, channel, customer, country)| {
            let mut symbols = Symbols::default();
            symbols.country("GB");
            symbols.country("FR");
            let customer = symbols.id(["", "7", "x", "y"][customer]).unwrap();
            let record = Record {
                value: value.map(Value),
                rating: rating.map(|rating| rating as u8),
                load_time_ms: load_time_ms.map(|ms| ms as u32),
                channel: Channel::ALL.get(channel).copied(),
                customer,
                country,
                ..Record::new(1, Kind::ALL[kind], 0)
            };
            (Event::try_from(record).unwrap(), symbols)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_compiled_says_what_a_walk_over_the_tree_says(sample in condition(), (event, symbols) in event()) {
        let mut text = String::new();
        sample.write(&mut text);
        let parsed = match parse(&text) {
            Ok(parsed) => parsed,
            Err(complaint) => {
                prop_assert!(complaint.message.contains("too long"), "{text}: {complaint:?}");
                return Err(TestCaseError::reject("it is too long"));
            }
        };
        let node = match Compiler::new(&symbols).condition(&parsed, &Names::of_events()) {
            Ok(node) => node,
            Err(complaints) => {
                // Only constants that have no result are found without an event.
                prop_assert!(complaints.iter().all(|one| one.message.contains("no result")), "{text}: {complaints:?}");
                return Ok(());
            }
        };
        let failures = Failures::default();
        let value = node.value(&Scope { event: &event, slots: &[], failures: &failures });
        let failed = failures.take().is_some();
        match sample.value(&event, &symbols) {
            Ok(truth) => {
                let truth = truth.map(|truth| i64::from(truth == Plain::Flag(true)));
                prop_assert_eq!((value, failed), (truth, false), "{}", text);
                let conjunction = Conjunction::of([node]);
                prop_assert_eq!(conjunction.holds(&event, &failures), truth == Some(1), "{}", text);
            }
            Err(NoResult) => prop_assert!(failed, "{text}"),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z0-9 .\"'()!&|=<>+*/%?:,\\[\\]\\\\ü-]{0,40}") {
        if let Ok(parsed) = parse(&text) {
            let _ = Compiler::new(&Symbols::default()).compile(&parsed, &Names::of_events(), None);
        }
    }
}

/// The value of a text without fields that are present.
fn constant(text: &str) -> Result<(i64, Type), String> {
    let symbols = Symbols::default();
    let parsed = parse(text).map_err(|complaint| complaint.message)?;
    let typed = Compiler::new(&symbols).compile(&parsed, &Names::of_events(), None);
    let typed =
        typed.map_err(|complaints| complaints.into_iter().map(|one| one.message).collect::<Vec<_>>().join("\n"))?;
    let event = Event::pack(Record::new(1, Kind::OrderPlaced, 0));
    let failures = Failures::default();
    Ok((typed.node.word(&Scope { event: &event, slots: &[], failures: &failures }), typed.of))
}

/// Expressions of whole numbers that say how operators bind, with their values.
const BINDING: [(&str, i64); 14] = [
    ("1 + 2 * 3", 7),
    ("10 - 2 - 3", 5),
    ("-2 * -3", 6),
    ("7 / 2 * 2", 6),
    ("-7 / 2", -3),
    ("-7 % 3", -1),
    ("true || false && false", 1),
    ("!true || true", 1),
    ("!(false || true) == false", 1),
    ("1 + 1 == 2 && 2 < 3", 1),
    ("false ? 1 : true ? 2 : 3", 2),
    ("1 == 1 ? 1 + 1 : 3", 2),
    ("2 in [1, 2, 3,]", 1),
    ("!(2 in [1]) && true", 1),
];

#[test]
fn operators_bind_as_in_cel() {
    let of_times = [
        ("duration(\"1h30min\") / duration('30m')", 3),
        ("timestamp(\"1970-01-01T00:00:01Z\") - event_time == duration(\"1s\")", 1),
    ];
    for (text, word) in BINDING.into_iter().chain(of_times) {
        assert_eq!(constant(text).map(|(word, _)| word), Ok(word), "{text}");
    }
    assert_eq!(constant("1.5 + 1"), Ok((2500, Type::Money)));
    assert_eq!(constant("kind == 'order_placed' ? 'yes' : 'no'"), Ok((0, Type::Text)));
}

#[test]
fn what_is_absent_is_never_equal_and_never_above() {
    for unknown in ["value == 1", "value != 1", "value > 1", "!(value > 1)", "value in [1]", "value + 1 == value"] {
        assert_eq!(constant(unknown).map(|(word, _)| word), Ok(i64::MIN), "{unknown}");
    }
    for (text, word) in [("has(value)", 0), ("value > 1 || true", 1), ("value > 1 && false", 0), ("!has(value)", 1)] {
        assert_eq!(constant(text).map(|(word, _)| word), Ok(word), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    for (text, message) in [
        ("", "the expression ends where a name, a number or a text is needed"),
        ("value >", "the expression ends where"),
        ("value > 500 kind", "here is 'kind' where an operator or the end is needed"),
        ("value > 500 and true", "write &&"),
        ("not true", "write !"),
        ("value is null", "write has(x)"),
        ("value = 5", "there is no operator '='; write =="),
        ("value <> 5", "there is no operator '<>'; write !="),
        ("true & false", "write &&"),
        ("1 < 2 < 3", "comparisons do not chain"),
        ("30m > 1", "'30m' is not a number; write duration(\"30m\")"),
        ("value > 1.2345", "at most three decimals"),
        ("\"open", "the text has no end"),
        ("'a\\n'", "no escapes"),
        ("value > 1; 2", "';' means nothing here"),
        ("valeu > 5", "there is no name 'valeu'; did you mean 'value'?"),
        ("kind == 'order_plced'", "did you mean 'order_placed'?"),
        ("channel == 'web2'", "did you mean 'web'?"),
        ("kind", "this is a kind of events; write a comparison"),
        ("kind > 'order_placed'", "write == or !="),
        ("value == '500'", "write numbers without quotes"),
        ("customer == order", "a customer and an order are never compared"),
        ("value == rating", "money and a whole number are never compared"),
        ("event_time > '2026-01-01T00:00:00Z'", "write timestamp("),
        ("event_time - arrival_time > 5", "write duration(\"3s\")"),
        ("load_time / 2 > load_time", "write x / duration(\"1ms\")"),
        ("kind == order_placed", "write 'order_placed' in quotes"),
        ("value * value > 1", "write whole numbers to multiply with"),
        ("value / 2 > 1", "money is never rounded"),
        ("customer == ''", "nothing equals what is absent"),
        ("kind in []", "nothing is in an empty list"),
        ("rating in [1, load_time_ms]", "constants and parameters only"),
        ("size(kind) > 1", "there is no function 'size'"),
        ("hass(value)", "did you mean 'has'?"),
        ("duration(30) > duration('1s')", "duration takes one text"),
        ("duration('1x') > duration('1s')", "1x"),
        ("has(1, 2)", "has takes one name"),
        ("value && true", "a condition is needed, this is money"),
        ("-kind == 'x'", "has no negative"),
        ("true ? 1 : kind", "the same type on both sides"),
        ("1 / 0 == 1", "this has no result"),
        ("9223372036854775808 == 1", "is not a whole number"),
        ("value.x > 1", "only CEL has"),
    ] {
        let found = match constant(text) {
            Ok(_) => condition_error(text).unwrap_or_default(),
            Err(message) => message,
        };
        assert!(found.contains(message), "{text}: {found}");
    }
}

fn condition_error(text: &str) -> Option<String> {
    let symbols = Symbols::default();
    let complaints = Compiler::new(&symbols).condition(&parse(text).ok()?, &Names::of_events()).err()?;
    Some(complaints[0].message.clone())
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_at_its_place() {
    let text = "valeu > 1 && kind == 'x' && rating > duration('1s')";
    let symbols = Symbols::default();
    let complaints = Compiler::new(&symbols).condition(&parse(text).unwrap(), &Names::of_events()).unwrap_err();
    let places: Vec<&str> = complaints.iter().map(|complaint| &text[complaint.at.clone()]).collect();
    assert_eq!(places, ["valeu", "'x'", "rating > duration('1s')"]);
}

#[test]
fn neither_depth_nor_length_overflows_the_stack() {
    let deep = format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(parse(&deep).unwrap_err().message.contains("too long"));
    let deep = format!("{}true{}", "(".repeat(100), ")".repeat(100));
    assert!(parse(&deep).unwrap_err().message.contains("nests deeper"));
    let long = vec!["1"; 400].join(" + ");
    assert!(constant(&long).unwrap_err().contains("too large"));
    assert_eq!(constant(&vec!["1"; 100].join(" + ")), Ok((100, Type::Integer)));
}

//! The first screen: each question with its answer and its claims, beside the figure that leads.

use flowbench_measurement::claims::{Checked, Claim, Standing};
use flowbench_measurement::record::{FigureKind, FigureSpec, QuestionRecord};

use super::answers::{Answer, answer};
use super::marks::Marks;
use super::section::{Section, paragraph};
use crate::Results;
use crate::chart::Chart;
use crate::claims::ClaimsOfRun;
use crate::draw;
use crate::draw::layout::Canvas;
use crate::quantity::{three_digits, words};
use crate::select::{cell_of, value_name};
use crate::text::{escaped, prose};

/// Appends the questions with their answers, and the figure that leads.
pub(crate) fn push_first(out: &mut String, results: &Results, sections: &[Section], marks: &Marks) {
    for missing in &results.missing {
        out.push_str(&paragraph("warn", missing));
    }
    out.push_str("<div class=\"first\">\n<section aria-label=\"Answers\">\n<h2 class=\"hidden\">Answers</h2>\n");
    let ClaimsOfRun { checked, not_checked } = ClaimsOfRun::of(results);
    let claims: Vec<(Option<String>, Checked)> = checked.into_iter().map(|one| (part_of(&one), one)).collect();
    for (n, (part, _)) in (1..).zip(sections) {
        let of_part = claims.iter().filter(|(of, _)| of.as_ref() == Some(&part.name)).map(|(_, one)| one);
        push_answer(out, n, part, &answer(results, part), &claims_list(of_part), marks);
    }
    let known = |of: &Option<String>| sections.iter().any(|(part, _)| of.as_ref() == Some(&part.name));
    let of_all = claims_list(claims.iter().filter(|(of, _)| !known(of)).map(|(_, one)| one));
    if !of_all.is_empty() {
        out.push_str(&format!("<div class=\"answer\"><h3>Claims</h3>\n{of_all}</div>\n"));
    }
    not_checked.iter().for_each(|sentence| out.push_str(&paragraph("small", sentence)));
    out.push_str("</section>\n");
    push_lead(out, sections);
    out.push_str("</div>\n");
}

fn push_answer(out: &mut String, n: usize, part: &QuestionRecord, answer: &Answer, claims: &str, marks: &Marks) {
    let question = prose(&part.question);
    out.push_str(&format!("<div class=\"answer\" id=\"a{n}\"><h3><a href=\"#q{n}\">{question}</a></h3>\n"));
    out.push_str(&format!("<p>{}</p>\n", with_strong(&prose(&answer.sentences.join(" ")))));
    let codes: Vec<String> = answer.codes.iter().map(|code| marks.named_link(code)).collect();
    let doubtful = answer.doubtful.iter().map(|doubtful| format!("{}: {}.", prose(doubtful), codes.join(", ")));
    let doubts: Vec<String> = doubtful.chain(answer.careful.iter().map(|careful| prose(careful))).collect();
    if !doubts.is_empty() {
        out.push_str(&format!("<p class=\"doubt\">{}</p>\n", doubts.join(" ")));
    }
    out.push_str(claims);
    if !answer.more.is_empty() {
        let more: String = answer.more.iter().map(|text| format!("<li>{}</li>", with_strong(&prose(text)))).collect();
        out.push_str(&format!("<details><summary>In more detail</summary><ul>{more}</ul></details>\n"));
    }
    out.push_str("</div>\n");
}

/// Returns escaped text in which what stands between pairs of asterisks stands out.
fn with_strong(text: &str) -> String {
    let pieces: Vec<&str> = text.split("**").collect();
    if pieces.len().is_multiple_of(2) {
        return text.to_owned();
    }
    let piece = |(n, piece): (usize, &&str)| match n % 2 {
        1 => format!("<strong>{piece}</strong>"),
        _ => (*piece).to_owned(),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Returns the part that a claim is about; absent if it is about several.
fn part_of(checked: &Checked) -> Option<String> {
    Claim::parse(&checked.claim).ok()?.value_of("part").map(str::to_owned)
}

/// Returns the claims with what this run says of them, each in its words.
fn claims_list<'a>(claims: impl Iterator<Item = &'a Checked>) -> String {
    let items: String = claims.map(claim_item).collect();
    if items.is_empty() { String::new() } else { format!("<ul class=\"claims\">\n{items}</ul>\n") }
}

fn claim_item(checked: &Checked) -> String {
    let (class, mark) = match checked.standing {
        Standing::Holds => ("holds", "✓"),
        Standing::Fails => ("fails", "✗"),
        Standing::Open | Standing::Unknown => ("open", "?"),
    };
    let claim = Claim::parse(&checked.claim);
    let sentence =
        |claim: Claim| claim.sentence(words, |axis, value| value_name(axis, &cell_of(value)).unwrap_or_default());
    let words = claim.map_or_else(|_| checked.claim.clone(), sentence);
    let found = checked.found.parse::<f64>().map_or_else(|_| checked.found.clone(), three_digits);
    let found = if found.is_empty() { String::new() } else { format!(": {found}") };
    let (words, word, found) = (prose(&words), checked.standing.word(), prose(&found));
    format!(
        "<li class=\"{class}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span>{words} \
         <span class=\"small\">({word}{found})</span></li>\n"
    )
}

/// Appends the figure that leads: the first one of those that are marked, else the first that was drawn.
fn push_lead(out: &mut String, sections: &[Section]) {
    let figures = || sections.iter().flat_map(|(_, figures)| figures);
    let drawn = |(spec, chart): &'_ (&FigureSpec, Result<Chart, _>)| chart.is_ok() && !spec.name.is_empty();
    let lead = figures().filter(|figure| figure.0.lead).find(|figure| drawn(figure));
    let Some((spec, Ok(chart))) = lead.or_else(|| figures().find(|figure| drawn(figure))) else { return };
    let chart = Chart { name: format!("lead-{}", chart.name), notes: Vec::new(), ..chart.clone() };
    let (name, question) = (escaped(&spec.name), prose(&spec.question));
    let class = if spec.kind == FigureKind::HeatMap { "lead grid" } else { "lead" };
    out.push_str(&format!(
        "<figure class=\"{class}\">\n<p><a href=\"#f-{name}\">{question}</a></p>\n{}</figure>\n",
        draw::draw(&chart, Canvas::Narrow)
    ));
}

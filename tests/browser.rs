//! The report and the comparison of two runs in a real browser: loaded, sorted, filtered, hovered, printed.
//!
//! These tests need Debian's chromium and poppler-utils and are ignored unless asked for; `.ci/run` installs them and asks.

mod devtools;
mod wall;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use self::devtools::Browser;
use crate::command::{Scratch, repository};

/// Draws the reference run of an experiment in the folder and returns its report.
fn report(scratch: &Scratch, name: &str) -> PathBuf {
    let reference = repository(&format!("results/{name}/reference"));
    scratch.ok(&format!("cp -r '{}' {name} && flowbench report {name}", reference.display()));
    scratch.path(&format!("{name}/report.html"))
}

/// Draws the comparison of a run with itself.
fn comparison(scratch: &Scratch) -> PathBuf {
    let reference = repository("results/quickstart/reference");
    scratch.ok(&format!("flowbench compare '{0}' '{0}' --html both.html", reference.display()));
    scratch.path("both.html")
}

/// Opens a page wide and narrow, in light and dark: nothing is complained about, and nothing is wider than the screen.
fn looks_well(browser: &mut Browser, page: &Path) {
    for (width, height) in [(1280, 900), (900, 900), (390, 844)] {
        browser.resize(width, height);
        let mut papers = Vec::new();
        for scheme in ["light", "dark"] {
            browser.scheme(scheme);
            browser.open(page);
            let what = format!("{}, {width} px, {scheme}", page.display());
            assert_eq!(browser.complaints(), [""; 0], "{what}");
            let [seen, all] = ["clientWidth", "scrollWidth"]
                .map(|of| browser.eval(&format!("document.documentElement.{of}")).as_u64().unwrap());
            assert!(all <= seen, "{what}: {all} px wide");
            papers.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
        }
        assert_ne!(papers[0], papers[1], "{}: dark is not light", page.display());
    }
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_shows_reports_and_comparisons_without_a_complaint_at_any_width() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    for name in ["quickstart", "parallelism", "eviction"] {
        looks_well(&mut browser, &report(&scratch, name));
    }
    looks_well(&mut browser, &comparison(&scratch));
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_shows_the_answers_and_the_leading_figure_on_the_first_screen() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    for name in ["quickstart", "parallelism", "disorder", "eviction", "latency"] {
        browser.open(&report(&scratch, name));
        let bottom = |of: &str| format!("document.querySelector('{of}').getBoundingClientRect().bottom");
        for within in [".answer p", ".answer p.doubt, .answer .claims, .answer details"] {
            let bottom = browser.eval(&bottom(within)).as_f64().unwrap();
            assert!(bottom < 900.0, "{name}, {within}: {bottom} px");
        }
        let top = browser.eval("document.querySelector('figure.lead svg').getBoundingClientRect().top").as_f64();
        assert!(top < Some(300.0), "{name}: {top:?}");
    }
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_sorts_and_filters_a_table_with_mouse_and_keyboard() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.open(&report(&scratch, "quickstart"));
    let cells = |title: &str| {
        format!(
            "(() => {{ const table = document.querySelector('table.cases');
              const n = [...table.tHead.rows[0].cells].findIndex((th) => th.textContent === '{title}');
              table.tHead.rows[0].cells[n].querySelector('button').setAttribute('data-at', '{title}');
              return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => numberOf(row.cells[n].textContent)); }})()"
        )
    };
    let numbers = |value: serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
    };
    let before = numbers(browser.eval(&cells("p99")));
    browser.click("button[data-at=p99]");
    let ascending = numbers(browser.eval(&cells("p99")));
    assert!(ascending.is_sorted() && before != ascending && before.len() == ascending.len(), "{ascending:?}");
    assert_eq!(browser.eval("document.querySelector('th[aria-sort]').ariaSort"), json!("ascending"));
    browser.eval("document.querySelector('button[data-at=p99]').focus()");
    browser.press("Enter");
    let descending = numbers(browser.eval(&cells("p99")));
    assert!(descending.iter().rev().is_sorted(), "{descending:?}");

    assert_eq!(browser.eval("document.querySelector('.filter input').labels.length"), json!(1));
    browser.eval("document.querySelector('.filter input').focus()");
    browser.type_in("identity -lost-time");
    let left = browser.eval(
        "[...document.querySelector('table.cases').tBodies[0].rows].filter((row) => !row.hidden)
             .map((row) => row.textContent.includes('identity') && !row.innerHTML.includes('lost-time'))",
    );
    let left = left.as_array().unwrap().clone();
    assert!(!left.is_empty() && left.len() < before.len() && left.iter().all(|fits| *fits == json!(true)), "{left:?}");
    let said = browser.eval("document.querySelector('.filter [role=status]').textContent");
    assert_eq!(said, json!(format!("{} of {} cases", left.len(), before.len())));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_tells_values_switches_series_and_leads_to_the_case() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.open(&report(&scratch, "quickstart"));
    // A value, under the mouse and with the focus.
    let mark = "#f-latency-against-rate [data-case][aria-label]";
    browser.hover(mark);
    browser.until("!document.querySelector('.tip').hidden");
    let told = browser.eval("document.querySelector('.tip').textContent");
    assert!(told.as_str().unwrap().contains("µs"), "{told}");
    browser.eval(&format!("document.querySelector({mark:?}).focus()"));
    browser.press("ArrowRight");
    let focused = browser.eval("document.activeElement.getAttribute('aria-label')");
    assert_eq!(browser.eval("document.querySelector('.tip').textContent"), focused);
    // A series goes and comes again.
    let key = "#f-latency-against-rate .wide .key[data-series]";
    let hidden = "document.querySelectorAll('#f-latency-against-rate .wide .s.off').length";
    browser.click(key);
    assert!(browser.eval(hidden).as_u64() > Some(0));
    let of_series = "[...document.querySelectorAll('#f-latency-against-rate .wide .s.off')]
        .every((one) => getComputedStyle(one).display === 'none')";
    assert_eq!(browser.eval(of_series), json!(true));
    browser.eval(&format!("document.querySelector({key:?}).focus()"));
    browser.press("Enter");
    assert_eq!(browser.eval(hidden), json!(0));
    // A mark leads to the row of its case, even if it was filtered out.
    browser.eval("document.querySelector('.filter input').focus()");
    browser.type_in("no such case");
    let (x, y) = browser.hover(mark);
    // Marks may lie over each other: the one on top is meant.
    let case = browser.eval(&format!("document.elementFromPoint({x}, {y}).closest('[data-case]').dataset.case"));
    browser.click(mark);
    let row = "document.querySelector(':target')";
    browser.until(&format!("{row} !== null && {row}.matches('tr') && !{row}.hidden"));
    let id = browser.eval(&format!("{row}.id"));
    assert_eq!(id, json!(format!("c{}", case.as_str().unwrap())));
    browser
        .until(&format!("(({{ top, bottom }}) => top >= 0 && bottom <= innerHeight)({row}.getBoundingClientRect())"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_leads_past_the_contents_and_shows_what_has_the_focus() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.open(&report(&scratch, "quickstart"));
    browser.press("Tab");
    assert_eq!(browser.eval("document.activeElement.className"), json!("skip"));
    assert_eq!(browser.eval("document.activeElement.getBoundingClientRect().left >= 0"), json!(true));
    assert_eq!(browser.eval("getComputedStyle(document.activeElement).outlineStyle"), json!("solid"));
    browser.press("Enter");
    browser.until("location.hash === '#main'");
    browser.press("Tab");
    assert_eq!(browser.eval("document.querySelector('main').contains(document.activeElement)"), json!(true));
    // A doubt is folded; the link to it opens the fold.
    browser.eval("document.querySelectorAll('details[id^=d]').forEach((fold) => (fold.open = false))");
    browser.click(".doubt a");
    browser.until("document.querySelector('details:target').open");
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_without_script_shows_the_same_words_and_no_dead_controls() {
    let scratch = Scratch::new();
    let page = report(&scratch, "quickstart");
    let mut browser = Browser::start();
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&page);
    assert_eq!(browser.complaints(), [""; 0]);
    let words = "document.querySelector('main').textContent.length";
    let without = browser.eval(words).as_u64().unwrap();
    assert_eq!(browser.eval("document.querySelectorAll('button, input, [role=button]').length"), json!(0));
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
    browser.open(&page);
    assert!(browser.eval("document.querySelectorAll('th button').length").as_u64() > Some(10));
    assert!(without > 10_000, "{without}");
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_prints_folds_open_and_no_heading_apart_from_what_it_heads() {
    let scratch = Scratch::new();
    let mut browser = Browser::start();
    for page in [report(&scratch, "quickstart"), report(&scratch, "disorder"), comparison(&scratch)] {
        browser.open(&page);
        let headings = browser.eval(
            "[...document.querySelectorAll('h1, h2:not(.hidden), h3')].map((one) => one.textContent.replace(/\\s+/g, ' ').trim())",
        );
        let headings: Vec<String> = serde_json::from_value(headings).unwrap();
        let folded = browser.eval(
            "(document.querySelector('details li') ?? document.querySelector('details td')).textContent.slice(0, 30)",
        );
        std::fs::write(scratch.path("printed.pdf"), browser.pdf()).unwrap();
        let text = scratch.ok("pdftotext printed.pdf -").stdout;
        let pages: Vec<&str> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
        assert!(pages.len() > 1, "{}", page.display());
        for printed in &pages {
            let last = printed.lines().rfind(|line| !line.trim().is_empty()).unwrap().replace('\u{a0}', " ");
            let parted =
                headings.iter().find(|heading| last.len() > 3 && heading.replace('\u{a0}', " ").ends_with(last.trim()));
            assert_eq!(parted, None, "{}\n{printed}", page.display());
        }
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        assert!(plain(&text).contains(&plain(folded.as_str().unwrap())), "{folded} of a fold is not printed");
    }
}

#[test]
#[ignore = "needs Debian's chromium: .ci/run installs it"]
fn browser_saves_the_cases_that_the_page_holds() {
    let scratch = Scratch::new();
    let page = report(&scratch, "quickstart");
    let mut browser = Browser::start();
    fs::create_dir(scratch.path("saved")).unwrap();
    let folder = scratch.path("saved");
    browser.call("Page.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": folder }));
    browser.open(&page);
    browser.eval("document.querySelector('a[download]').click()");
    let saved = scratch.path("saved/cases.csv.gz");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !saved.exists() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let rows = scratch.ok("gzip -dc saved/cases.csv.gz | wc -l").stdout;
    assert_eq!(rows.trim(), (1 + 81).to_string(), "{:?}", browser.complaints());
}

//! `run --dry-run`: what a run would do, and what it is likely to take.

use flowbench_events::duration_text;
use flowbench_harness::experiment::{Estimate, size};
use flowbench_harness::run::Request;
use serde_json::{Value, json};

use crate::failure::{Failure, OK, print};
use crate::json_output::print_json;

/// Prints the plan of a run and runs nothing.
pub(crate) fn dry_run(request: &Request, is_json: bool) -> Result<i32, Failure> {
    let (loaded, plan) = request.plan()?;
    let mut parts = Estimate::by_part(&plan);
    let all = Estimate::of_plan(&plan);
    let fits = request.check_resources(&loaded, &plan);
    if is_json {
        let entry = |(name, estimate): &(String, Estimate)| {
            let mut value = fields(estimate);
            value["part"] = json!(name);
            value
        };
        let value = json!({
            "experiment": loaded.experiment.name,
            "repeats": loaded.experiment.repeats,
            "parts": parts.iter().map(entry).collect::<Vec<_>>(),
            "all": fields(&all),
            "skipped": plan.skipped,
            "added": plan.added,
            "remarks": plan.remarks,
        });
        print_json("plan", value)?;
    } else {
        parts.push(("in all".to_owned(), all));
        print(&table(&loaded.experiment.name, loaded.experiment.repeats, &parts))?;
        let notes = plan.remarks.iter().cloned().chain(plan.skipped.iter().map(|why| format!("skipped {why}")));
        let notes = notes.chain(plan.added.iter().map(|added| format!("added to {added}")));
        print(&notes.map(|note| note + "\n").collect::<String>())?;
    }
    fits.map(|()| OK).map_err(Failure::from)
}

fn fields(estimate: &Estimate) -> Value {
    json!({
        "cases": estimate.cases,
        "processes": estimate.processes,
        "seconds": estimate.seconds.ceil(),
        "seconds_max": estimate.seconds_max,
        "memory_bytes": estimate.memory_bytes,
        "disk_bytes": estimate.disk_bytes,
    })
}

/// Returns the estimates as a table, a line for each part and one for all of them.
fn table(experiment: &str, repeats: usize, parts: &[(String, Estimate)]) -> String {
    let width = parts.iter().map(|(part, _)| part.chars().count()).max().unwrap_or(0).clamp(6, 28);
    let mut text = format!("{experiment}: a plan; nothing is run\n\n");
    text += &format!(
        "{:<width$}  {:>6}  {:>7}  {:>9}  {:>8}  {:>8}\n",
        "part", "cases", "repeats", "time", "memory", "disk"
    );
    for (part, estimate) in parts {
        let part: String = part.chars().take(width).collect();
        text += &format!(
            "{part:<width$}  {:>6}  {repeats:>7}  {:>9}  {:>8}  {:>8}\n",
            estimate.cases / repeats.max(1),
            format!("~{}", time(estimate.seconds)),
            size(estimate.memory_bytes),
            size(estimate.disk_bytes)
        );
    }
    let (_, all) = &parts[parts.len() - 1];
    text += &format!(
        "\n{} runs of cases in {} processes, at most {} by their deadlines. Time is guessed from the durations of open \
         loops and from 20M events/s in closed ones (1M for differential); memory is the peak of the largest case.\n",
        all.cases,
        all.processes,
        time(all.seconds_max)
    );
    text
}

/// Returns a time in one or two units, rounded up: to a second below ten minutes, to a minute above.
fn time(seconds: f64) -> String {
    let unit_s = if seconds < 600.0 { 1.0 } else { 60.0 };
    duration_text(((seconds / unit_s).ceil() * unit_s * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_table_with_a_line_for_all() {
        let part = Estimate {
            cases: 12,
            processes: 12,
            seconds: 12.2,
            seconds_max: 720.0,
            memory_bytes: 200_000_000,
            disk_bytes: 1_500_000,
        };
        let text = table("mine", 3, &[("latency".to_owned(), part), ("in all".to_owned(), part)]);
        let wanted = "mine: a plan; nothing is run\n\n\
                      part      cases  repeats       time    memory      disk\n\
                      latency       4        3       ~13s    200 MB    1.5 MB\n\
                      in all        4        3       ~13s    200 MB    1.5 MB\n";
        assert!(text.starts_with(wanted), "{text}");
        assert!(text.contains("12 runs of cases in 12 processes, at most 12min by their deadlines"), "{text}");
        assert!(text.lines().take(5).all(|line| line.chars().count() <= 80));
        assert_eq!((time(0.2), time(599.5), time(601.0)), ("1s".to_owned(), "10min".to_owned(), "11min".to_owned()));
    }
}

//! The pipelines that feed the wall unless others are named.

use flowbench_events::Problems;
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Pipeline, Registry};

/// Pipelines that are files of this package, by the name of their feed.
const FILES: [(&str, &str); 3] = [
    ("load-time-views", include_str!("wall_pipelines/load-time-views.toml")),
    ("load-time-conversions", include_str!("wall_pipelines/load-time-conversions.toml")),
    ("dispatched", include_str!("wall_pipelines/dispatched.toml")),
];

/// Pipelines of the catalogue, which have the names of their feeds.
const CATALOGUE: [&str; 2] = ["dispatch-overdue", "trending-products"];

/// Returns the pipelines of the wall, each with the name of its feed: page speed and sales, what was dispatched, what is
/// overdue, and what is looked at most.
///
/// # Errors
///
/// Fails if a program has replaced a pipeline of the catalogue by one that cannot be found.
pub fn wall_pipelines(registry: Registry) -> Result<Vec<(String, &'static dyn Pipeline)>, Problems> {
    let mut pipelines: Vec<(String, &'static dyn Pipeline)> = Vec::new();
    for (feed, text) in FILES {
        pipelines.push((feed.to_owned(), parsed(feed, text)?));
    }
    for name in CATALOGUE {
        let pipeline = registry.find(name).map_err(|error| Problems::of_name(name, &error.to_string()))?;
        pipelines.push((name.to_owned(), pipeline));
    }
    Ok(pipelines)
}

/// Returns the pipeline of a feed of the wall that is a file of this package; `None` if there is none of that name.
pub(crate) fn wall_file(feed: &str) -> Option<Result<&'static FilePipeline, Problems>> {
    FILES.iter().find(|(name, _)| *name == feed).map(|(feed, text)| parsed(feed, text))
}

fn parsed(feed: &str, text: &str) -> Result<&'static FilePipeline, Problems> {
    FilePipeline::parse(&format!("./{feed}.toml"), text)
}

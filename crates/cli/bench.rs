//! `bench`: measures a question on somebody's own log.

use flowbench_harness::bench::BenchRequest;
use flowbench_harness::find_pipeline;
use flowbench_harness::run::{Request, from_current_folder, recorded_argv};
use flowbench_pipelines::Registry;

use crate::args::{Bench, set_variables};
use crate::failure::Failure;
use crate::run::measure;
use crate::signals::stop_on_signals;

pub(crate) fn bench(args: &Bench, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    // A wrong name should not cost the reading of the whole log.
    find_pipeline(&args.pipeline, registry)?;
    let interrupted = stop_on_signals()?;
    let bench = BenchRequest {
        log: from_current_folder(&args.log),
        map: args.map.as_deref().map(from_current_folder),
        max_bad: args.max_bad,
        pipeline: args.pipeline.clone(),
        settings: args.set.clone(),
        strategies: args.strategies.clone(),
        workers: args.workers.clone(),
        slack_ms: args.slack_ms,
        deduplicate: args.deduplicate,
        duration_ms: args.duration_ms,
        repeats: args.repeats,
    };
    let request = Request {
        experiment: "bench".to_owned(),
        text: Some(bench.experiment()),
        out: args.out.clone(),
        argv: Some(recorded_argv(set_variables())),
        registry,
        ..Request::default()
    };
    measure(&request, &interrupted, &[], args.json, quiet)
}

//! `schema`: the formats of files as JSON Schema.

use flowbench_harness::schema::{experiment_schema, mapping_schema, results_schema};

use crate::args::{Schema, SchemaOf};
use crate::failure::{Failure, OK, print};

pub(crate) fn schema(args: &Schema) -> Result<i32, Failure> {
    match args.of {
        SchemaOf::Experiment => print(&experiment_schema())?,
        SchemaOf::Mapping => print(mapping_schema())?,
        SchemaOf::Results => print(results_schema())?,
    }
    Ok(OK)
}

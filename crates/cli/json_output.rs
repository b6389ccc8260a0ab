//! JSON as commands print it.

use serde_json::Value;

use crate::failure::{Failure, print};

/// Schema version of the JSON objects that commands print: `--json` and `--stats-json`. A key that is removed, renamed
/// or given another meaning makes a new one; a new key does not. Records of cases within have their own.
const SCHEMA_VERSION: u32 = 1;

/// Prints an object with the name of its schema and its `schema_version`.
pub(crate) fn print_json(schema: &str, object: Value) -> Result<(), Failure> {
    print(&json_text(schema, object))
}

/// Returns an object with the name of its schema and its `schema_version` as text. All names begin with `flowbench-`,
/// so that a file says whose it is.
pub(crate) fn json_text(schema: &str, mut object: Value) -> String {
    object["schema"] = format!("flowbench-{schema}").into();
    object["schema_version"] = SCHEMA_VERSION.into();
    format!("{object:#}\n")
}

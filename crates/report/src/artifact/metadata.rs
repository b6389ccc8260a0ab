//! `ro-crate-metadata.json`: the files of an artifact and the run that made them, as an RO-Crate 1.1.

use flowbench_measurement::record::RunRecord;
use serde_json::{Value, json};

use super::licenses::licenses;
use super::packed_file::{PackedFile, sums_bytes};
use crate::checksums::SUMS;

/// Name of the file.
pub(super) const METADATA: &str = "ro-crate-metadata.json";
/// The folder of the results.
pub(super) const RESULTS: &str = "results/";

/// The specification that the metadata follows.
const PROFILE: &str = "https://w3id.org/ro/crate/1.1";

/// Endings of files and the media types that belong to them.
const MEDIA_TYPES: [(&str, &str); 12] = [
    ("cff", "application/yaml"),
    ("csv", "text/csv"),
    ("hlog", "text/plain"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("lock", "application/toml"),
    ("md", "text/markdown"),
    ("ndjson", "application/x-ndjson"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("toml", "application/toml"),
    ("txt", "text/plain"),
];

/// Returns the metadata of `files`, of the list of checksums, and of the run.
pub(super) fn metadata(run: &RunRecord, license: &str, files: &[PackedFile]) -> String {
    let (results, beside): (Vec<&PackedFile>, Vec<&PackedFile>) =
        files.iter().partition(|file| file.path.starts_with(RESULTS));
    let licenses = licenses(license);
    let of_root = beside.iter().map(|file| encoded(&file.path)).chain([SUMS.to_owned(), RESULTS.to_owned()]);
    let mut graph = vec![
        json!({ "@id": METADATA, "@type": "CreativeWork", "about": { "@id": "./" }, "conformsTo": { "@id": PROFILE } }),
        root(run, &licenses, of_root),
        json!({
            "@id": RESULTS, "@type": "Dataset", "name": "Results",
            "description": format!("What the run of the experiment {} left, described in README.md", run.experiment),
            "hasPart": references(results.iter().map(|file| encoded(&file.path))),
        }),
    ];
    graph.extend(files.iter().map(file_entity));
    graph.push(sums_entity(files));
    graph.push(program(run));
    graph.push(action(run));
    graph.extend(licenses.iter().map(|license| {
        let description = format!("Licence {license}");
        json!({ "@id": license_url(license), "@type": "CreativeWork", "name": license, "description": description })
    }));
    let context = json!(["https://w3id.org/ro/crate/1.1/context", { "sha256": "https://schema.org/sha256" }]);
    format!("{:#}\n", json!({ "@context": context, "@graph": graph }))
}

fn root(run: &RunRecord, licenses: &[&str], parts: impl Iterator<Item = String>) -> Value {
    json!({
        "@id": "./",
        "@type": "Dataset",
        "name": run.title,
        "description": format!(
            "Results of the flowbench experiment {}, with its experiment file, claims, and instructions to check and \
             to measure them again",
            run.experiment
        ),
        "datePublished": run.started_at,
        "license": references(licenses.iter().map(|license| license_url(license))),
        "hasPart": references(parts),
        "mentions": { "@id": "#run" },
    })
}

fn file_entity(file: &PackedFile) -> Value {
    let mut entity = json!({
        "@id": encoded(&file.path),
        "@type": "File",
        "name": file.path,
        "contentSize": file.bytes.len().to_string(),
        "sha256": file.sha256(),
    });
    let ending = file.path.rsplit_once('.').map_or("", |(_, ending)| ending);
    if let Some((_, media_type)) = MEDIA_TYPES.iter().find(|(known, _)| *known == ending) {
        entity["encodingFormat"] = json!(media_type);
    }
    entity
}

/// Returns the list of checksums as a file. It has the checksum of this metadata, which therefore cannot have its.
fn sums_entity(files: &[PackedFile]) -> Value {
    let paths = files.iter().map(|file| file.path.as_str()).chain([METADATA]);
    json!({
        "@id": SUMS,
        "@type": "File",
        "name": SUMS,
        "description": "SHA-256 of every other file, as sha256sum -c reads it",
        "contentSize": sums_bytes(paths).to_string(),
        "encodingFormat": "text/plain",
    })
}

fn program(run: &RunRecord) -> Value {
    let mut program = json!({
        "@id": "#flowbench",
        "@type": "SoftwareApplication",
        "name": "flowbench",
        "softwareVersion": run.build.flowbench,
        "softwareRequirements": format!("{}, timely {}", run.build.rustc, run.build.timely),
    });
    if let Some(commit) = &run.build.commit {
        program["identifier"] = json!(format!("commit {commit}"));
    }
    program
}

fn action(run: &RunRecord) -> Value {
    json!({
        "@id": "#run",
        "@type": "CreateAction",
        "name": format!("Run of the experiment {}", run.experiment),
        "description": format!("Measured on {}", run.machine.line),
        "startTime": run.started_at,
        "instrument": { "@id": "#flowbench" },
        "object": { "@id": "experiment.toml" },
        "result": { "@id": RESULTS },
    })
}

fn references(ids: impl Iterator<Item = String>) -> Value {
    ids.map(|id| json!({ "@id": id })).collect()
}

fn license_url(license: &str) -> String {
    format!("https://spdx.org/licenses/{license}")
}

/// Returns a path as a relative reference of a URI.
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let letter = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_a_reference() {
        assert_eq!(encoded("results/my notes (ä).md"), "results/my%20notes%20%28%C3%A4%29.md");
        assert_eq!(encoded("results/latency-tail.svg"), "results/latency-tail.svg");
    }
}

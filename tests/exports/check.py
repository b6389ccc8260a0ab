"""Reads exports with the tools they are for: `check.py FORMAT PATH [RESULTS]`. Fails, or prints how many things it has
read."""

import collections
import csv
import datetime
import json
import math
import pathlib
import re
import subprocess
import sys


def prometheus(path):
    from prometheus_client.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(path.read_text()))
    assert all(family.type == "gauge" and family.documentation for family in families)
    return sum(len(family.samples) for family in families)


def junit(path):
    from junitparser import JUnitXml

    suites = JUnitXml.fromfile(str(path))
    cases = [case for suite in suites for case in suite]
    assert suites.tests == len(cases)
    assert suites.failures + suites.errors == sum(1 for case in cases if case.result)
    return len(cases)


def bencher(path):
    # The schema that Bencher publishes for its metric format, and its limit on names.
    import jsonschema

    number = {"type": "number"}
    metric = {"properties": {"value": number, "lower_value": number, "upper_value": number}, "required": ["value"]}
    metrics = {"type": "object", "patternProperties": {".+": {"type": "object", **metric}}}
    benchmarks = json.loads(path.read_text())
    jsonschema.validate(benchmarks, {"type": "object", "patternProperties": {".+": metrics}})
    assert all(0 < len(name.encode()) <= 1024 for name in benchmarks)
    return sum(len(measures) for measures in benchmarks.values())


def vega_lite(path):
    import vl_convert

    charts = sorted(path.glob("*.vl.json"))
    for chart in charts:
        svg = vl_convert.vegalite_to_svg(json.loads(chart.read_text()), vl_version="5.20")
        assert svg.count("<path") > 5, f"{chart.name} is empty"
    return len(charts)


def otava(path):
    # Otava reads its tables and tests for changes; ten runs that got slower by a third are one.
    files = sorted(path.glob("*.csv"))
    table = files[0]
    header, row = list(csv.reader(table.open()))
    latency = header.index("latency_p50_ns")
    with table.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        for run in range(20):
            slower = 1.3 if run >= 10 else 1.0
            values = [f"2026-01-{run + 1:02}T10:00:00.250Z", f"c{run}", *row[2:]]
            values[latency] = str(float(row[latency]) * slower * (1 + 0.001 * (run % 3)))
            writer.writerow(values)
    tool = str(pathlib.Path(sys.executable).parent / "otava")
    config = ["--config-file", "otava.yaml"]
    listed = subprocess.run([tool, "list-tests", *config], cwd=path, check=True, capture_output=True, text=True).stdout
    names = [line for line in listed.splitlines() if line]
    assert len(names) == len(files), listed
    test = next(name for name in names if name.replace("/", "+") == table.stem)
    analyze = [tool, "analyze", *config, test, "--since", "2025-01-01", "--output", "json"]
    report = subprocess.run(analyze, cwd=path, check=True, capture_output=True, text=True).stdout
    changes = json.loads(report)[test]
    assert [change["metric"] for one in changes for change in one["changes"]] == ["latency_p50_ns"], report
    return len(files)


def hgrm(path):
    # The histograms of `latency.hlog`, read and added up by HdrHistogram, have these values at these percentiles.
    from hdrh.histogram import HdrHistogram

    lines = (pathlib.Path(sys.argv[3]) / "latency.hlog").read_text().splitlines()
    cases = collections.defaultdict(lambda: HdrHistogram(1, 3_600 * 10**9, 3))
    for line in lines:
        if found := re.match(r"Tag=(c\d+)r\d+\.latency,[^,]*,[^,]*,[^,]*,(.*)", line):
            cases[found[1]].add(HdrHistogram.decode(found[2].encode()))
    files = sorted(path.glob("*.hgrm"))
    assert len(files) == len(cases), (len(files), len(cases))
    for file in files:
        text = file.read_text()
        total = int(float(re.search(r"Total count *= *([\d.]+)", text)[1]))
        rows = re.findall(r"^ *([\d.]+) +([\d.]+) +(\d+)", text, re.M)
        assert all(float(percentile) <= int(count) / total + 1e-9 for _, percentile, count in rows), file.name
        # Of several cases with as many samples, one has these values.
        near = [case for case in cases.values() if case.get_total_count() == total]
        assert any(agrees(case, rows, total) for case in near), file.name
    return len(files)


def agrees(histogram, rows, total):
    found = (histogram.get_value_at_percentile(100 * int(count) / total) / 1000 for *_, count in rows)
    return all(abs(value - float(row[0])) <= 0.001 for value, row in zip(found, rows))


def jsonl(path):
    import duckdb

    return duckdb.sql(f"SELECT count(throughput_events_per_s), count(*) FROM read_json('{path}')").fetchall()[0][1]


def markdown(path):
    # The program with which GitHub turns this text into tables.
    from cmarkgfm import github_flavored_markdown_to_html

    html = github_flavored_markdown_to_html(path.read_text())
    assert html.count("<table>") >= 1 and "|---" not in html, html[:500]
    return html.count("<tr>") - html.count("<table>")


def table(path):
    import duckdb

    # A closed loop has a throughput, an open one a latency; a search has the rate that it found.
    results = "throughput_events_per_s, latency_p50_ns, sustainable_events_per_s"
    rows = duckdb.sql(f"SELECT outcome, {results} FROM read_csv('{path}')").fetchall()
    for outcome, *values in rows:
        measured = [value for value in values if value is not None]
        assert all(isinstance(value, (int, float)) for value in measured), measured
        assert len(measured) == 1 or outcome != "ok", (outcome, values)
    return len(rows)


def cloudevents(path):
    # The official schema, with the formats that it names, and what the specification and its extensions say beyond it.
    import jsonschema

    formats = jsonschema.FormatChecker([])
    formats.checkers["date-time"] = (is_rfc3339, ValueError)
    formats.checkers["uri-reference"] = (lambda text: re.fullmatch(URI_REFERENCE, text), ())
    schema = json.loads((pathlib.Path(__file__).parent / "cloudevents.json").read_text())
    schema["properties"]["recordedtime"] = schema["definitions"]["timedef"]
    validator = jsonschema.Draft7Validator(schema, format_checker=formats)
    events = [json.loads(line) for line in path.read_text().splitlines()]
    contents = {}
    for number, event in enumerate(events, 1):
        validator.validate(event)
        attributes = {name: value for name, value in event.items() if name != "data"}
        assert all(re.fullmatch("[a-z][a-z0-9]{0,19}", name) for name in attributes), attributes
        assert all(isinstance(value, str) and value.isprintable() for value in attributes.values()), attributes
        assert event["sequence"] == f"{number:020}" and event["recordedtime"] >= event["time"], event
        assert event["specversion"] == "1.0" and event.get("partitionkey") == event["data"].get("customer"), event
        content = (event["type"], event["time"], event["data"])
        assert contents.setdefault((event["source"], event["id"]), content) == content, event
    assert len(contents) < len(events), "no event was delivered twice"
    for wrong in [{"id": ""}, {"source": "a b"}, {"time": "2026-01-05"}, {"recordedtime": "now"}, {"type": None}]:
        assert not validator.is_valid({**events[0], **wrong}), wrong
    return len(events)


URI_REFERENCE = r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-F]{2})+"


def is_rfc3339(text):
    datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    return True


def cff(path):
    tool = str(pathlib.Path(sys.executable).parent / "cffconvert")
    files = [path / "CITATION.cff"]
    for file in files:
        subprocess.run([tool, "--validate", "-i", str(file)], check=True, capture_output=True, text=True)
    bibtex = subprocess.run([tool, "-f", "bibtex", "-i", str(files[0])], check=True, capture_output=True, text=True).stdout
    assert "The flowbench authors" in bibtex, bibtex
    return len(files)


def ro_crate(path):
    from rocrate.model.file import File
    from rocrate.rocrate import ROCrate

    crate = ROCrate(path)
    assert crate.root_dataset["license"] and crate.root_dataset["datePublished"]
    files = [entity for entity in crate.data_entities if isinstance(entity, File)]
    for file in files:
        assert int(file["contentSize"]) == pathlib.Path(file.source).stat().st_size, file.id
    return len(files)


def parquet(path):
    # `cases.parquet` beside `cases.csv`: as many rows and values in each column, and the same sums.
    import duckdb

    columns = [name for name, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}/cases.parquet'").fetchall()]
    counts = ", ".join(f'count("{name}")' for name in columns if name != "case_name")
    sums = "count(*), sum(events), sum(throughput_events_per_s), sum(busy_s)"
    found = [duckdb.sql(f"SELECT {sums}, {counts} FROM {table}").fetchall()[0] for table in
             (f"'{path}/cases.parquet'", f"read_csv('{path}/cases.csv', sample_size=-1)")]
    names = ["rows", "events", "throughput", "busy", *columns[1:]]
    # A sum depends on the order of its terms in the last digits.
    differ = [it for it in zip(names, *found) if not math.isclose(it[1], it[2], rel_tol=1e-12)]
    assert not differ, differ
    types = dict(row[:2] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}/cases.parquet'").fetchall())
    assert (types["events"], types["busy_s"], types["pipeline"]) == ("BIGINT", "DOUBLE", "VARCHAR"), types
    metrics = duckdb.sql(f"SELECT count(*), sum(median) FROM '{path}/metrics.parquet'").fetchall()[0]
    assert metrics[0] > 0 and metrics[1] > 0
    return found[0][0]


READERS = {
    "bencher": bencher,
    "prometheus": prometheus,
    "junit": junit,
    "vega-lite": vega_lite,
    "otava": otava,
    "csv": table,
    "history": table,
    "markdown": markdown,
    "hgrm": hgrm,
    "jsonl": jsonl,
    "cloudevents": cloudevents,
    "cff": cff,
    "ro-crate": ro_crate,
    "parquet": parquet,
}

if __name__ == "__main__":
    print(READERS[sys.argv[1]](pathlib.Path(sys.argv[2])))

"""Reads exports with the tools they are for: `check.py FORMAT PATH`. Fails, or prints how many things it has read."""

import csv
import json
import pathlib
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


def table(path):
    import duckdb

    rows = duckdb.sql(f"SELECT outcome, throughput_events_per_s FROM read_csv('{path}')").fetchall()
    assert all(isinstance(rate, (int, float)) for outcome, rate in rows if outcome == "ok")
    return len(rows)


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


READERS = {
    "prometheus": prometheus,
    "junit": junit,
    "vega-lite": vega_lite,
    "otava": otava,
    "csv": table,
    "cff": cff,
    "ro-crate": ro_crate,
}

if __name__ == "__main__":
    print(READERS[sys.argv[1]](pathlib.Path(sys.argv[2])))

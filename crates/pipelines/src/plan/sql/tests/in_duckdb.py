"""Asks DuckDB queries in the SQL of flowbench, of small traces, and says which answers are not those expected.

Reads JSON from standard input and writes JSON: for each case nothing, or what is different.
"""

import collections
import json
import re
import sys

import duckdb

# Times and durations are whole milliseconds in a BIGINT, since DuckDB neither adds up INTERVALs nor divides them.
SETUP = """
-- No answer depends on the time zone of the session.
SET TimeZone = 'Asia/Kathmandu';
SET threads = 1;
-- Whole numbers are divided towards zero, as in PostgreSQL.
SET integer_division = true;
-- A condition that flowbench decides without the division may divide by zero here; what it gives does not matter then.
SET error_on_division_by_zero = false;
CREATE MACRO day_of(time, zone) AS CAST(make_timestamptz(1000 * time) AT TIME ZONE zone AS DATE);
CREATE MACRO midnight(day, zone) AS epoch_ms(CAST(day AS TIMESTAMP) AT TIME ZONE zone);
-- Of a midnight that clocks show twice, DuckDB gives the second, and the day begins with the first.
CREATE MACRO day_end(day, zone) AS midnight(day + 1, zone)
    - CASE WHEN day_of(midnight(day + 1, zone) - 3600000, zone) > day THEN 3600000 ELSE 0 END;
CREATE MACRO begin_of(time, size) AS time - ((time % size) + size) % size;
-- Of a time, strftime is that of UTC and not of the session.
CREATE MACRO written(day DATE, format) AS strftime(day, format),
    (time BIGINT, format) AS strftime(make_timestamptz(1000 * time) AT TIME ZONE 'UTC', format);
"""

EVENTS = """(event_id VARCHAR, kind VARCHAR, event_time BIGINT, arrival_time BIGINT, customer VARCHAR, "order" VARCHAR,
    product VARCHAR, value DECIMAL(38, 3), country VARCHAR, load_time_ms BIGINT, rating BIGINT, channel VARCHAR,
    load_time BIGINT GENERATED ALWAYS AS (load_time_ms))"""

# How a parameter of a type is written; one of another type is a text.
LITERALS = {"integer": "CAST({} AS BIGINT)", "money": "CAST({} AS DECIMAL(38, 3))", "duration": "epoch_ms({})"}

# What a column of a kind is as text; a duration is written by `duration`.
CELLS = {
    "time": "strftime(make_timestamptz(1000 * {}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')",
    "money": "CAST(CAST({} AS DECIMAL(38, 3)) AS VARCHAR)",
}

# A text or name in quotes comes first, so that nothing in it is translated.
WORD = re.compile(
    r"INTERVAL '[^']*'(?: [A-Z]+)?|TIMESTAMPTZ '[^']*'|'(?:[^']|'')*'|\"[^\"]*\"|CAST\(|AT TIME ZONE|strftime\("
    r"|ORDER BY event_time, event_id|\$\w+|\b\d+(?:\.\d+)?\b"
)
RANGE = re.compile(
    r"count\(\*\) OVER \(PARTITION BY ([^()]*) ORDER BY event_time, event_id "
    r"RANGE BETWEEN ([^()]*) PRECEDING AND CURRENT ROW\)"
)
GROUP = re.compile(
    r"(SELECT .*?)\nFROM (.*)\nGROUP BY (.*?)(?:, )?(TUMBLE|HOP|SESSION)\(event_time, ([^()]*)\)(\nHAVING .*)?", re.DOTALL
)


def translated(sql, parameters):
    """Spells a query as DuckDB does."""
    sql = "\n".join(line for line in sql.split("\n") if not line.startswith("--!"))
    # RANGE has one column of order in DuckDB: the later events of the same millisecond, which it counts, are taken away.
    sql = RANGE.sub(
        r"(count(*) OVER (PARTITION BY \1 ORDER BY event_time RANGE BETWEEN \2 PRECEDING AND CURRENT ROW)"
        r" - count(*) OVER (PARTITION BY \1, event_time)"
        r" + row_number() OVER (PARTITION BY \1, event_time ORDER BY event_time, event_id))",
        sql,
    )
    # There are no windows in GROUP BY: their bounds become columns, by which is grouped.
    group = GROUP.fullmatch(sql)
    if group:
        select, source, key, function, arguments, having = group.groups()
        source, bounds = WINDOWS[function](source, key, *arguments.split(", "))
        columns = [key, bounds] if key else [bounds]
        sql = f"{select}\nFROM ({source})\nGROUP BY {', '.join(columns)}{having or ''}"
    return WORD.sub(lambda word: spelled(word[0], parameters), sql)


def tumble(source, _key, size, zone=None):
    """Windows that follow each other, or calendar days of a zone."""
    if zone:
        source = f"SELECT *, day_of(event_time, {zone}) AS day FROM {source}"
        return f"SELECT *, day_end(day, {zone}) AS window_end FROM ({source})", "day, window_end"
    source = f"SELECT *, begin_of(event_time, {size}) AS window_start FROM {source}"
    return f"SELECT *, window_start + {size} AS window_end FROM ({source})", "window_start, window_end"


def hop(source, _key, slide, size):
    """Windows that overlap: an event is in all that begin less than the size before it."""
    last = f"begin_of(event_time, {slide})"
    starts = f"unnest(range({last} + {slide} - {size}, {last} + 1, {slide}))"
    source = f"SELECT *, {starts} AS window_start FROM {source}"
    return f"SELECT *, window_start + {size} AS window_end FROM ({source})", "window_start, window_end"


def session(source, key, gap):
    """Stretches of a key without a pause longer than the gap."""
    over = f"(PARTITION BY {key} ORDER BY event_time, event_id)"
    begins = f"CASE WHEN event_time - lag(event_time) OVER {over} <= {gap} THEN 0 ELSE 1 END"
    source = f"SELECT *, {begins} AS begins FROM {source}"
    source = f"SELECT *, sum(begins) OVER {over} AS number FROM ({source})"
    bounds = "min(event_time) OVER one AS session_start, max(event_time) OVER one AS session_end"
    source = f"SELECT *, {bounds} FROM ({source}) WINDOW one AS (PARTITION BY {key}, number)"
    return source, "session_start, session_end"


WINDOWS = {"TUMBLE": tumble, "HOP": hop, "SESSION": session}


def spelled(word, parameters):
    """Spells a word as DuckDB does."""
    if word.startswith(("INTERVAL ", "TIMESTAMPTZ ")):
        return f"epoch_ms({word})"
    if word == "CAST(":
        # The only casts are those of a time to a day.
        return "CAST(make_timestamptz(1000 * "
    if word == "AT TIME ZONE":
        return ") AT TIME ZONE"
    if word == "strftime(":
        return "written("
    if word == "ORDER BY event_time, event_id":
        # Ids are texts here, whose order is by length and then by bytes.
        return "ORDER BY event_time, length(event_id), event_id"
    if word.startswith("$"):
        of, text = parameters[word[1:]]
        quoted = "'" + text.replace("'", "''") + "'"
        return LITERALS.get(of, quoted).format(text)
    # Whole numbers have 64 bits, and those of DuckDB as few as they need.
    return f"{word}::BIGINT" if word.isdigit() else word


def duration(ms):
    """Writes a duration as flowbench does."""
    if ms == 0:
        return "0s"
    text, rest = "-" if ms < 0 else "", abs(ms)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)):
        if rest >= size:
            text, rest = f"{text}{rest // size}{unit}", rest % size
    return text


def answers(db, sql, kinds):
    """Returns the rows of a query as texts."""
    names = [f"column{at}" for at in range(len(kinds))]
    cells = [CELLS.get(kind, "CAST({} AS VARCHAR)").format(name) for name, kind in zip(names, kinds)]
    rows = db.execute(f"SELECT {', '.join(cells)} FROM ({sql}) AS answers({', '.join(names)})").fetchall()
    text = lambda cell, kind: "" if cell is None else duration(int(cell)) if kind == "duration" else cell
    return [tuple(text(cell, kind) for cell, kind in zip(row, kinds)) for row in rows]


def difference(db, plan, case):
    """Returns what is different, or nothing."""
    sql = translated(plan["sql"], plan["parameters"])
    db.execute(f"CREATE OR REPLACE VIEW events AS SELECT * FROM trace{case['trace']}")
    try:
        theirs = collections.Counter(answers(db, sql, plan["kinds"]))
    except duckdb.Error as error:
        return {"translated": sql, "error": str(error), "ours": [], "theirs": []}
    ours = collections.Counter(map(tuple, case["rows"]))
    if ours == theirs:
        return None
    first = lambda rows: [",".join(row) for row in sorted(rows.elements())[:5]]
    return {"translated": sql, "error": "", "ours": first(ours - theirs), "theirs": first(theirs - ours)}


def main():
    """Answers all cases."""
    asked = json.load(sys.stdin)
    db = duckdb.connect()
    db.execute(SETUP)
    for number, events in enumerate(asked["traces"]):
        db.execute(f"CREATE TABLE trace{number} {EVENTS}")
        db.executemany(f"INSERT INTO trace{number} VALUES ({', '.join('?' * len(events[0]))})", events)
    json.dump([difference(db, asked["plans"][case["plan"]], case) for case in asked["cases"]], sys.stdout)


main()

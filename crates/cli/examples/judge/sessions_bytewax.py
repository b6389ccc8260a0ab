"""Answers the question of the pipeline `sessions` with bytewax, from a log in CSV:

    pip install bytewax==0.21.1
    LOG=log.csv ANSWERS=sessions.csv python3 -m bytewax.run sessions_bytewax
    flowbench judge sessions.csv --trace log.csv --pipeline sessions --header event_time,customer,start,end,events

A window closes when the watermark of its customer has passed it, which follows the customer's newest event at `WAIT`. So
a short wait loses late events, and one as long as the log loses none.
"""

import os
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.files import CSVSource, FileSink
from bytewax.dataflow import Dataflow

GAP = timedelta(minutes=30)
WAIT = timedelta(seconds=float(os.environ.get("WAIT", 10 * 365 * 86_400)))
BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)


def time_of(row):
    return datetime.fromisoformat(row["event_time"].replace("Z", "+00:00"))


def extended(session, row):
    start, end, events = session or (time_of(row), time_of(row), 0)
    return min(start, time_of(row)), max(end, time_of(row)), events + 1


def merged(one, other):
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2]


def line(answer):
    customer, (_window, (start, end, events)) = answer
    return customer, f"{end},{customer},{start},{end},{events}"


flow = Dataflow("sessions")
rows = op.input("rows", flow, CSVSource(os.environ["LOG"]))
views = op.filter("views", rows, lambda row: row["kind"] == "page_viewed" and row["customer"] != "")
keyed = op.key_on("by_customer", views, lambda row: row["customer"])
clock = win.EventClock(time_of, wait_for_system_duration=WAIT)
sessions = win.fold_window("sessions", keyed, clock, win.SessionWindower(GAP), lambda: None, extended, merged)
op.output("answers", op.map("lines", sessions.down, line), FileSink(os.environ["ANSWERS"]))

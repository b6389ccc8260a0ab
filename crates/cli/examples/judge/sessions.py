"""Answers the question of the pipeline `sessions` from a log in CSV, with the standard library alone.

    python3 sessions.py log.csv > answers.csv
    flowbench judge answers.csv --trace log.csv --pipeline sessions

It stands for a pipeline of your own: it reads the log as flowbench writes it, knows nothing of flowbench, and prints its
answers in a form of its own, which flowbench reads all the same.
"""

import csv
import sys
from datetime import datetime, timedelta

GAP = timedelta(minutes=30)


def sessions(times):
    """Yields the first and the last time of each session and the number of its events. A longer pause than the gap
    begins a new one."""
    start = last = None
    events = 0
    for time in sorted(times):
        if last is not None and time - last > GAP:
            yield start, last, events
            start, events = None, 0
        start = start or time
        last = time
        events += 1
    if events:
        yield start, last, events


def main():
    views = {}
    with open(sys.argv[1], newline="") as log:
        for row in csv.DictReader(log):
            if row["kind"] == "page_viewed" and row["customer"]:
                time = datetime.fromisoformat(row["event_time"].replace("Z", "+00:00"))
                views.setdefault(row["customer"], []).append(time)
    answers = csv.writer(sys.stdout, lineterminator="\n")
    answers.writerow(["customer", "events", "start", "end", "event_time"])
    for customer, times in views.items():
        for start, end, events in sessions(times):
            answers.writerow([customer, events, start, end, end])


main()

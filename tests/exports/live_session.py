"""Talks to a live session with the CloudEvents SDK, and reads its feeds by the official schema: `live_session.py ADDRESS`.
Prints how many events of feeds it has read."""

import datetime
import http.client
import json
import pathlib
import sys

import jsonschema
from cloudevents.core.bindings import http as binding
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

SCHEMA = json.loads((pathlib.Path(__file__).parent / "cloudevents.json").read_text())
ORDERS = 20


def event(number, kind, data):
    now = datetime.datetime.now(datetime.timezone.utc)
    names = {"id": str(number), "source": "/shop/k%C3%A4se", "type": kind, "specversion": "1.0", "time": now}
    return CloudEvent(attributes=names | {"datacontenttype": "application/json"}, data=data)


def order(number):
    data = {"customer": f"änn {number}", "order": f"o{number}", "value": "750.5", "country": "FR"}
    return event(number, "flowbench.order_dispatched", data)


def request(address, method, path, headers={}, body=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def post(address, message):
    status, body = request(address, "POST", "/events", message.headers, message.body)
    receipt = json.loads(body)
    assert (status, receipt["accepted"], receipt["rejects"]) == (202, 1, []), (status, receipt)


def read(address, feed, events):
    """Reads a feed until it has given so many events; each is valid, and the SDK reads what is there."""
    validator = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    seen, last = [], ""
    while len(seen) < events:
        status, body = request(address, "GET", f"/feeds/{feed}?lastEventId={last}&timeout=10000&limit=7")
        batch = json.loads(body)
        assert status == 200 and batch, (status, body, len(seen))
        for one in batch:
            validator.validate(one)
            headers = {"content-type": "application/cloudevents+json"}
            message = binding.HTTPMessage(headers=headers, body=json.dumps(one).encode())
            known = binding.from_http_event(message, JSONFormat())
            assert (known.get_id(), known.get_type(), known.get_data()) == (one["id"], one["type"], one["data"]), one
            last = one["id"]
        seen += batch
    assert len(seen) == events, len(seen)
    return seen


def main(address):
    for number in range(ORDERS):
        to_message = binding.to_binary_event if number % 2 else binding.to_structured_event
        post(address, to_message(order(number), JSONFormat()))
        post(address, to_message(event(f"paid {number}", "com.example.paid", {"order": number}), JSONFormat()))
    answers = read(address, "export-review", ORDERS)
    assert {one["data"]["order"] for one in answers} == {f"o{number}" for number in range(ORDERS)}
    others = read(address, "inbox", ORDERS)
    assert [one["data"]["order"] for one in others] == list(range(ORDERS))
    assert all(one["source"] == others[0]["source"] for one in others), "both modes give the same source"
    print(len(answers) + len(others))


if __name__ == "__main__":
    main(sys.argv[1])

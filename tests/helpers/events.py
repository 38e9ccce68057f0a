"""The events in `events/`, and the responses that docs/local.md promises."""

import json
import re

from helpers.serving import ROOT

ROWS = re.findall(r"^\| (`.+`) \| .+ \| ([0-9]{3}|none: .+) \|$", (ROOT / "docs/local.md").read_text(), re.MULTILINE)
# The status code of the response to each event, or None for an event that has no response.
STATUSES = {
    event: int(status) if status.isdigit() else None
    for events, status in ROWS
    for event in re.findall("`(.+?)`", events)
}


def load(event):
    return json.loads((ROOT / f"events/{event}.json").read_text())


def assert_response(event, response):
    """Asserts that this is the response of the event's operation, for a meeting that does not exist or a new one."""
    if STATUSES[event] is None:
        assert response is None
        return
    assert response["statusCode"] == STATUSES[event], response
    body = json.loads(response["body"])
    if response["statusCode"] == 200:
        assert isinstance(body["Meetings"], list)
    elif response["statusCode"] == 201:
        assert body["Meeting"]["MeetingId"]
    else:
        assert body["Message"].startswith("The meeting has ended")

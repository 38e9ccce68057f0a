"""The validator of the function's requests to the Chime SDK: it accepts the requests that AWS's service accepts, and
finds the violations in others.

`make test` runs it.
"""

import json
import subprocess
import sys

import pytest

from helpers.serving import PATIENCE, ROOT

MEETING = "/meetings/00000000-0000-4000-8000-000000000000"
ATTENDEES = f"{MEETING}/attendees"
ATTENDEE = f"{ATTENDEES}/11111111-1111-4111-8111-111111111111"
TRANSCRIPTION = f"{MEETING}/transcription"
USER = {"ExternalUserId": "user"}
CREATE = {"ClientRequestToken": "token", "MediaRegion": "us-east-1", "ExternalMeetingId": "café «1»"}


def request(method, path, query="", body=""):
    return {"method": method, "path": path, "query": query, "body": body and json.dumps(body)}


def create(**members):
    """A CreateMeeting with these members; those that are None are left out."""
    members = {name: value for name, value in (CREATE | members).items() if value is not None}
    return request("POST", "/meetings", body=members)


def validate(*requests):
    completed = subprocess.run(
        [sys.executable, ROOT / "tests/end_to_end/validate_chime_requests.py"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )
    assert completed.stderr == ""
    return completed.returncode, completed.stdout


def test_valid_requests_pass():
    transcription = {"TranscriptionConfiguration": {"EngineTranscribeSettings": {"LanguageCode": "en-US"}}}
    assert validate(
        create(Tags=[{"Key": "team", "Value": ""}], MeetingHostId="100 %"),
        request("POST", "/meetings", "operation=create-attendees", CREATE | {"Attendees": [USER] * 20}),
        request("GET", MEETING),
        request("DELETE", MEETING),
        request("POST", ATTENDEES, body=USER),
        request("POST", ATTENDEES, "operation=batch-create", {"Attendees": [USER] * 100}),
        request("GET", ATTENDEES),
        request("GET", ATTENDEES, "next-token=1%2B%2F%3D&max-results=100"),
        request("GET", ATTENDEE),
        request("DELETE", ATTENDEE),
        request("POST", TRANSCRIPTION, "operation=start", transcription),
        request("POST", TRANSCRIPTION, "operation=stop"),
    ) == (0, "")


WRONG = [
    (request("GET", "/meetings"), "unknown operation: GET /meetings"),
    (request("PATCH", MEETING), "unknown operation"),
    (request("POST", "/meetings", "operation=create", CREATE), "unknown operation"),
    (request("GET", MEETING, "verbose=true"), "GetMeeting: unknown parameter in the query: verbose"),
    (request("GET", "/meetings/meeting"), "GetMeeting: .MeetingId: 'meeting' does not match"),
    (request("GET", ATTENDEES, "max-results=101"), "ListAttendees: .MaxResults: 101 exceeds 100"),
    (request("GET", ATTENDEES, "max-results=0"), "ListAttendees: Invalid value for parameter MaxResults"),
    (request("GET", ATTENDEES, "max-results=all"), "ListAttendees: Invalid type for parameter MaxResults"),
    (request("POST", ATTENDEES, body=USER | {"Tags": []}), 'CreateAttendee: Unknown parameter in input: "Tags"'),
    (request("POST", ATTENDEES, body=USER | {"MeetingId": MEETING}), "MeetingId belongs in the uri"),
    (request("POST", ATTENDEES, "operation=batch-create", {"Attendees": [USER] * 101}), "101 exceeds 100"),
    (request("POST", TRANSCRIPTION, "operation=start"), "Missing required parameter"),
    (request("POST", "/meetings", body=[CREATE]), "CreateMeeting: the body is not an object"),
    (request("POST", "/meetings") | {"body": "{"}, "CreateMeeting: the body is not JSON"),
    (create(MediaRegion=None), 'Missing required parameter in input: "MediaRegion"'),
    (request("POST", "/meetings", body=CREATE | {"MeetingHostId": None}), "Invalid type for parameter MeetingHostId"),
    (create(MediaRegion=7), "Invalid type for parameter MediaRegion"),
    (create(Unknown="value"), 'Unknown parameter in input: "Unknown"'),
    (create(Tags=[{"Key": "team", "Value": "a", "Unknown": "b"}]), 'Unknown parameter in Tags[0]: "Unknown"'),
    (create(ClientRequestToken="a token"), ".ClientRequestToken: 'a token' does not match"),
    (create(ClientRequestToken="x"), "Invalid length for parameter ClientRequestToken"),
    (create(ClientRequestToken="x" * 65), ".ClientRequestToken: 65 exceeds 64"),
    (create(ExternalMeetingId="100 %"), ".ExternalMeetingId: '100 %' does not match"),
    (create(ExternalMeetingId="Aws:room"), ".ExternalMeetingId: 'Aws:room' does not match"),
    (create(Tags=[{"Key": "Cost Center", "Value": ""}]), ".Tags[0].Key: 'Cost Center' does not match"),
    (create(Tags=[{"Key": "team", "Value": "é"}]), ".Tags[0].Value: 'é' does not match"),
    (create(Tags=[{"Key": "team", "Value": ""}] * 51), ".Tags: 51 exceeds 50"),
    (create(MeetingFeatures={"Video": {"MaxResolution": "UHD"}}), "'UHD' is not one of"),
]


@pytest.fixture(scope="module")
def output():
    """The output for all invalid requests at once, after a valid one."""
    code, output = validate(create(), *(wrong for wrong, _ in WRONG))
    assert code == 1
    return output.splitlines()


@pytest.mark.parametrize(("number", "violation"), enumerate((violation for _, violation in WRONG), start=2))
def test_a_violation_is_reported(output, number, violation):
    lines = [line for line in output if line.startswith(f"request {number}, ")]
    assert any(violation in line for line in lines), lines


def test_each_violation_is_reported_on_its_own_line():
    _, output = validate(create(ClientRequestToken="a token", Unknown="value"))
    assert len(output.splitlines()) == 2

"""Whole programs, from the creation of a meeting to its end, run by unmodified SDK clients against `make run`.

A client is a process: it reads an operation and its members as a line of JSON, calls it with its SDK, and prints the
SDK's result or exception. Clients are in `programs/`. `make test` runs this.
"""

import contextlib
import json
import os
import subprocess
import uuid

import pytest

from helpers.serving import ROOT

TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
PROGRAMS = ROOT / "tests/clients/programs"
CLIENTS = {
    "boto3": [ROOT / ".venv/bin/python", PROGRAMS / "client.py"],
    "javascript-v3": ["node", PROGRAMS / "client.mjs"],
    "javascript-v2": ["node", PROGRAMS / "client.cjs", "aws-sdk"],
    "rust": [TARGET / "debug/chime-client"],
}
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
LANGUAGE = {"EngineTranscribeSettings": {"LanguageCode": "en-US"}}


class Client:
    """A client of one SDK."""

    def __init__(self, name, process):
        self.name = name
        self.process = process

    def send(self, operation, members):
        self.process.stdin.write(json.dumps([operation, members]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, status, operation, **members):
        """Returns the output, and asserts this status."""
        answer = self.send(operation, members)
        assert answer["status"] == status and "output" in answer, answer
        return answer["output"]

    def fail(self, status, exception, message, operation, **members):
        """Asserts that the SDK raises this typed exception. Version 2 for JavaScript has codes instead."""
        if self.name.startswith("javascript-v2"):
            exception = exception.removesuffix("Exception")
        answer = self.send(operation, members)
        assert (answer.get("exception"), answer["status"]) == (exception, status), answer
        assert message in answer["message"], answer


@contextlib.contextmanager
def started(name, command, endpoint):
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.devnull, "AWS_ENDPOINT_URL_CHIME": endpoint, "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
    }
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )
    with contextlib.closing(process.stdin), process:
        yield Client(name, process)
        process.stdin.close()


@pytest.fixture(params=CLIENTS)
def client(request, endpoint):
    with started(request.param, CLIENTS[request.param], endpoint) as client:
        yield client


def token():
    return str(uuid.uuid4())


def create(client, **members):
    """The members by which later operations identify a new meeting."""
    meeting = client.call(201, "CreateMeeting", ClientRequestToken=token(), **members)["Meeting"]
    return {"MeetingId": meeting["MeetingId"]}


def users(attendees):
    return [attendee["ExternalUserId"] for attendee in attendees]


def test_a_meeting_can_be_created_with_only_a_token(client):
    created = client.call(201, "CreateMeeting", ClientRequestToken=token())["Meeting"]
    assert created["MediaRegion"] == "us-east-1"
    assert created["MediaPlacement"]["SignalingUrl"].endswith(created["MeetingId"])
    # The function sends the Amazon Chime SDK an ID that the client did not set.
    assert "ExternalMeetingId" not in created
    got = client.call(200, "GetMeeting", MeetingId=created["MeetingId"])["Meeting"]
    assert got == created


def test_a_meeting_with_all_members_is_created_and_replayed(client):
    members = {
        "ClientRequestToken": token(), "ExternalMeetingId": "all hands", "MediaRegion": "eu-west-2",
        "MeetingHostId": "host", "Tags": [{"Key": "team", "Value": "platform"}, {"Key": "Cost Center", "Value": "é"}],
        "NotificationsConfiguration": {
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:topic",
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:queue",
        },
    }
    created = client.call(201, "CreateMeeting", **members)["Meeting"]
    assert (created["ExternalMeetingId"], created["MediaRegion"]) == ("all hands", "eu-west-2")
    assert client.call(201, "CreateMeeting", **members)["Meeting"] == created
    assert client.call(200, "GetMeeting", MeetingId=created["MeetingId"])["Meeting"] == created
    client.fail(400, "BadRequestException", "MediaRegion", "CreateMeeting", **{**members, "MediaRegion": "us-east-1"})


def listed(client, **members):
    """All meetings, page by page."""
    pages = [client.call(200, "ListMeetings", **members)]
    while token := pages[-1].get("NextToken"):
        pages.append(client.call(200, "ListMeetings", **members, NextToken=token))
    return [meeting for page in pages for meeting in page["Meetings"]]


def test_a_meeting_is_found_or_created(client):
    """A common idiom: look for an ExternalMeetingId, and create a meeting if there is none."""
    room = token()

    def find(**members):
        return [meeting for meeting in listed(client, **members) if meeting.get("ExternalMeetingId") == room]

    assert not find()
    created = client.call(201, "CreateMeeting", ClientRequestToken=token(), ExternalMeetingId=room)["Meeting"]
    create(client)
    for members in ({}, {"MaxResults": 1}, {"MaxResults": 50}, {"MaxResults": 99}):
        assert find(**members) == [created], members
    [found] = find()
    anna = client.call(201, "CreateAttendee", MeetingId=found["MeetingId"], ExternalUserId="anna")["Attendee"]
    assert anna["JoinToken"]
    client.call(204, "DeleteMeeting", MeetingId=found["MeetingId"])
    assert not find()
    client.fail(400, "BadRequestException", "'maxResults'", "ListMeetings", MaxResults=100)
    client.fail(400, "BadRequestException", "'nextToken'", "ListMeetings", NextToken="mine")


def test_attendees_are_created_listed_and_deleted(client):
    meeting = create(client)
    tags = [{"Key": "role", "Value": "speaker"}]
    anna = client.call(201, "CreateAttendee", **meeting, ExternalUserId="anna", Tags=tags)["Attendee"]
    assert anna["AttendeeId"] and anna["JoinToken"]
    # Creating the same user again returns the same attendee.
    assert client.call(201, "CreateAttendee", **meeting, ExternalUserId="anna")["Attendee"] == anna
    batch = [{"ExternalUserId": user, "Tags": tags} for user in ("anna", "bén «2»", "cleo")]
    created = client.call(201, "BatchCreateAttendee", **meeting, Attendees=batch)["Attendees"]
    assert created[0] == anna
    assert users(created) == ["anna", "bén «2»", "cleo"]

    page = client.call(200, "ListAttendees", **meeting, MaxResults=2)
    # The token has characters that a query must encode.
    assert "+/=" in page["NextToken"]
    rest = client.call(200, "ListAttendees", **meeting, MaxResults=2, NextToken=page["NextToken"])
    assert users(page["Attendees"] + rest["Attendees"]) == ["anna", "bén «2»", "cleo"]
    assert rest.get("NextToken") is None

    attendee = {**meeting, "AttendeeId": anna["AttendeeId"]}
    assert client.call(200, "GetAttendee", **attendee)["Attendee"] == anna
    client.call(204, "DeleteAttendee", **attendee)
    client.fail(404, "NotFoundException", "no such attendee", "GetAttendee", **attendee)
    assert users(client.call(200, "ListAttendees", **meeting)["Attendees"]) == ["bén «2»", "cleo"]


def test_a_meeting_is_created_with_attendees(client):
    attendees = [{"ExternalUserId": "anna"}, {"ExternalUserId": "ben"}]
    request = {"ClientRequestToken": token(), "Attendees": attendees}
    created = client.call(201, "CreateMeetingWithAttendees", **request)
    assert "ExternalMeetingId" not in created["Meeting"]
    assert users(created["Attendees"]) == ["anna", "ben"]
    replayed = client.call(201, "CreateMeetingWithAttendees", **request)
    assert replayed == created
    meeting = {"MeetingId": created["Meeting"]["MeetingId"]}
    listed = client.call(200, "ListAttendees", **meeting)
    assert listed["Attendees"] == created["Attendees"], "nobody is added twice"

    # The room can be begun again at once.
    client.call(204, "DeleteMeeting", **meeting)
    next_one = client.call(201, "CreateMeetingWithAttendees", **request)
    assert next_one["Meeting"]["MeetingId"] != meeting["MeetingId"]
    assert users(next_one["Attendees"]) == ["anna", "ben"]
    assert client.call(201, "CreateMeeting", ClientRequestToken=request["ClientRequestToken"])["Meeting"] == next_one["Meeting"]


def test_a_transcription_starts_and_stops(client):
    meeting = create(client)
    client.call(200, "StartMeetingTranscription", **meeting, TranscriptionConfiguration=LANGUAGE)
    client.call(200, "StopMeetingTranscription", **meeting)


def test_operations_on_an_ended_meeting_raise_not_found(client):
    meeting = create(client)
    anna = client.call(201, "CreateAttendee", **meeting, ExternalUserId="anna")["Attendee"]
    client.call(204, "DeleteMeeting", **meeting)
    # For a minute, it may be a retry.
    client.call(204, "DeleteMeeting", **meeting)
    attendee = {**meeting, "AttendeeId": anna["AttendeeId"]}
    for operation, members in [
        ("GetMeeting", meeting), ("ListAttendees", meeting),
        ("CreateAttendee", {**meeting, "ExternalUserId": "ben"}),
        ("BatchCreateAttendee", {**meeting, "Attendees": [{"ExternalUserId": "ben"}]}),
        ("GetAttendee", attendee), ("DeleteAttendee", attendee),
        ("StartMeetingTranscription", {**meeting, "TranscriptionConfiguration": LANGUAGE}),
        ("StopMeetingTranscription", meeting),
    ]:
        client.fail(404, "NotFoundException", "The meeting has ended", operation, **members)


def test_invalid_requests_raise_typed_exceptions(client):
    meeting = create(client)
    unknown = {**meeting, "AttendeeId": UNKNOWN_ID}
    for operation in ("GetAttendee", "DeleteAttendee"):
        client.fail(404, "NotFoundException", "no such attendee", operation, **unknown)
    for status, message, operation, members in [
        (400, "'meetingId'", "GetMeeting", {"MeetingId": "my-meeting"}),
        (400, "'attendeeId'", "GetAttendee", {**meeting, "AttendeeId": "anna"}),
        (400, "'externalUserId'", "CreateAttendee", {**meeting, "ExternalUserId": "a" * 65}),
        (400, "'externalUserId'", "CreateAttendee", {**meeting, "ExternalUserId": "100%"}),
        (400, "'maxResults'", "ListAttendees", {**meeting, "MaxResults": 100}),
    ]:
        client.fail(status, "BadRequestException", message, operation, **members)


def test_an_unsupported_operation_is_rejected_with_the_reason(client):
    meeting = create(client)
    anna = client.call(201, "CreateAttendee", **meeting, ExternalUserId="anna")["Attendee"]
    attendee = {**meeting, "AttendeeId": anna["AttendeeId"]}
    no_tags = "The attendees of the Amazon Chime SDK have no tags."
    for operation, members, reason in [
        ("TagAttendee", {**attendee, "Tags": [{"Key": "role", "Value": "speaker"}]}, no_tags),
        ("UntagAttendee", {**attendee, "TagKeys": ["role"]}, no_tags),
        ("ListAttendeeTags", attendee, no_tags),
    ]:
        client.fail(400, "BadRequestException", f"does not support {operation}. {reason}", operation, **members)


def test_an_older_javascript_sdk_has_the_same_codes(endpoint):
    """It lacks the operations and members that came later, so it runs none of the other programs."""
    command = ["node", PROGRAMS / "client.cjs", "aws-sdk-2.795.0"]
    with started("javascript-v2-2.795.0", command, endpoint) as client:
        meeting = create(client)
        client.fail(400, "BadRequestException", "'externalUserId'", "CreateAttendee", **meeting, ExternalUserId="100%")
        client.call(204, "DeleteMeeting", **meeting)
        client.fail(404, "NotFoundException", "The meeting has ended", "GetMeeting", **meeting)


def test_a_browser_can_join(client):
    """Does what the client library does before it connects."""
    meeting = client.call(201, "CreateMeeting", ClientRequestToken=token())
    meeting_id = meeting["Meeting"]["MeetingId"]
    attendee = client.call(201, "CreateAttendee", MeetingId=meeting_id, ExternalUserId="anna")
    built = subprocess.run(
        ["node", PROGRAMS / "configuration.cjs"], input=json.dumps([meeting, attendee]),
        stdout=subprocess.PIPE, text=True, check=True,
    )
    configuration = json.loads(built.stdout)
    assert configuration["audioHostURL"].endswith(".k.m2.ue1.app.chime.aws:3478")
    placement = meeting["Meeting"]["MediaPlacement"]
    assert configuration == {
        "meetingId": meeting_id, "attendeeId": attendee["Attendee"]["AttendeeId"], "externalUserId": "anna",
        "joinToken": attendee["Attendee"]["JoinToken"], "audioHostURL": placement["AudioHostUrl"],
        "signalingURL": f"wss://signal.m2.ue1.app.chime.aws/control/{meeting_id}",
        "eventIngestionURL": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
    }

"""The function as built by `sam build`, in a container: under `make sam-local` with raw HTTP and with boto3, and under
`sam local invoke` with the events in `events/` and variations.

`make test-sam` runs it. It needs a Docker engine.
"""

import base64
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config

from helpers.events import STATUSES, assert_response, load
from helpers.serving import PATIENCE, ROOT, serving

SAM = ROOT / ".venv/bin/sam"
LOCAL_AWS = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/local-aws"

START_API = [str(SAM), "local", "start-api", "--port", "{port}"]


def sam_local(directory, **settings):
    """The function with the template's defaults, which include the media plane `templates`."""
    command = [str(LOCAL_AWS), "--for-containers", "--dynamodb", f"{directory}/meetings.db", *START_API]
    return serving(command, directory / "sam-local.log", **settings)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    directory = tmp_path_factory.mktemp("make-sam-local")
    command = ["make", "sam-local", "PORT={port}", f"DATABASE={directory}/meetings.db"]
    with serving(command, directory / "make.log") as endpoint:
        yield endpoint


def post(endpoint, body, content_type="application/json", path="/meetings"):
    """Sends bytes, and returns status, headers and bytes."""
    request = urllib.request.Request(endpoint + path, body, {"content-type": content_type})
    try:
        response = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, response.headers, response.read()


def client(endpoint):
    """A boto3 client without retries, because these tests look at the errors."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE)
    return boto3.client("chime", "us-east-1", endpoint_url=endpoint, config=config)


def assert_rejected(endpoint, exception, status, message, **members):
    """Asserts the same complete typed error with raw HTTP and with boto3."""
    answer, headers, body = post(endpoint, json.dumps(members).encode())
    assert answer == status
    assert headers["x-amzn-errortype"] == exception
    assert headers["content-type"] == "application/json"
    assert headers["x-amzn-requestid"]
    body = json.loads(body)
    assert body.keys() == {"Code", "Message", "RequestId", "Resource"}
    assert (body["RequestId"], body["Resource"]) == (headers["x-amzn-requestid"], None)
    assert body["Code"] == exception.removesuffix("Exception").replace("Client", "")
    assert message in body["Message"]
    if status in (429, 503):
        assert (headers["retry-after"], headers["x-amz-retry-after"]) == ("1", "1000")

    chime = client(endpoint)
    with pytest.raises(getattr(chime.exceptions, exception)) as raised:
        chime.create_meeting(**members)
    assert raised.value.response["Code"] == body["Code"]
    assert raised.value.response["Message"] == body["Message"]


def test_a_meeting_is_created_and_replayed_byte_for_byte(endpoint):
    body = json.dumps({"ClientRequestToken": "raw", "ExternalMeetingId": "café 📅"}).encode()

    status, headers, created = post(endpoint, body)
    assert status == 201
    assert headers["content-type"] == "application/json"
    assert headers["x-amzn-requestid"]
    assert headers["idempotent-replayed"] is None
    meeting = json.loads(created)["Meeting"]
    assert meeting["ExternalMeetingId"] == "café 📅"
    assert len(meeting["MediaPlacement"]) == 8
    # The local Chime SDK has created it.
    assert ".app.chime.aws/" in meeting["MediaPlacement"]["SignalingUrl"]

    status, headers, replayed = post(endpoint, body)
    assert (status, headers["idempotent-replayed"]) == (201, "true")
    assert replayed == created


def test_boto3_creates_and_replays(endpoint):
    chime = client(endpoint)
    members = {
        "ClientRequestToken": "boto3",
        "MediaRegion": "eu-west-2",
        "Tags": [{"Key": "team", "Value": "platform"}],
    }
    created = chime.create_meeting(**members)
    replayed = chime.create_meeting(**members)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["Meeting"]["MediaRegion"] == "eu-west-2"
    assert replayed["Meeting"] == created["Meeting"]
    assert replayed["ResponseMetadata"]["HTTPHeaders"]["idempotent-replayed"] == "true"


def test_a_different_request_with_the_same_token_is_rejected(endpoint):
    post(endpoint, b'{"ClientRequestToken": "mismatch"}')
    assert_rejected(
        endpoint, "BadRequestException", 400, "different values for: ExternalMeetingId.",
        ClientRequestToken="mismatch", ExternalMeetingId="another",
    )


def test_a_constraint_violation_is_rejected(endpoint):
    message = "Value at 'clientRequestToken' failed to satisfy constraint"
    assert_rejected(
        endpoint, "BadRequestException", 400, message, ClientRequestToken="x" * 65
    )


@pytest.mark.parametrize(("body", "content_type", "message"), [
    (b"[]", "application/json", "JSON object"),
    (b"{", "application/json", "cannot be parsed"),
    (b'{"ClientRequestToken": "text"}', "text/plain", "application/json"),
])
def test_a_body_that_is_not_json_is_rejected(endpoint, body, content_type, message):
    status, headers, body = post(endpoint, body, content_type)
    assert (status, headers["x-amzn-errortype"]) == (400, "BadRequestException")
    assert message in json.loads(body)["Message"]


def test_a_meeting_works_from_creation_to_deletion(endpoint):
    chime = client(endpoint)
    created = chime.create_meeting_with_attendees(
        ClientRequestToken="program", Attendees=[{"ExternalUserId": "anna"}]
    )
    meeting = {"MeetingId": created["Meeting"]["MeetingId"]}
    attendee = chime.create_attendee(**meeting, ExternalUserId="ben")["Attendee"]
    assert attendee["JoinToken"]
    batch = chime.batch_create_attendee(**meeting, Attendees=[{"ExternalUserId": "ben"}, {"ExternalUserId": "cleo"}])
    assert batch["Attendees"][0]["AttendeeId"] == attendee["AttendeeId"]

    first = chime.list_attendees(**meeting, MaxResults=2)
    rest = chime.list_attendees(**meeting, MaxResults=2, NextToken=first["NextToken"])
    users = [attendee["ExternalUserId"] for page in (first, rest) for attendee in page["Attendees"]]
    assert users == ["anna", "ben", "cleo"]

    assert chime.get_meeting(**meeting)["Meeting"] == created["Meeting"]
    assert chime.get_attendee(**meeting, AttendeeId=attendee["AttendeeId"])["Attendee"] == attendee
    language = {"EngineTranscribeSettings": {"LanguageCode": "en-US"}}
    chime.start_meeting_transcription(**meeting, TranscriptionConfiguration=language)
    chime.stop_meeting_transcription(**meeting)
    chime.delete_attendee(**meeting, AttendeeId=attendee["AttendeeId"])
    with pytest.raises(chime.exceptions.NotFoundException):
        chime.get_attendee(**meeting, AttendeeId=attendee["AttendeeId"])
    assert created["Meeting"] in chime.list_meetings()["Meetings"]
    deleted = chime.delete_meeting(**meeting)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(chime.exceptions.NotFoundException, match="The meeting has ended"):
        chime.create_attendee(**meeting, ExternalUserId="dora")
    assert created["Meeting"] not in chime.list_meetings()["Meetings"]
    with pytest.raises(chime.exceptions.BadRequestException, match="ListMeetingTags"):
        chime.list_meeting_tags(**meeting)


def test_responses_to_generated_requests_match_the_description(endpoint):
    completed = subprocess.run(
        ["make", "schemathesis", f"ENDPOINT={endpoint}", "EXAMPLES=5", "PHASES=examples,fuzzing", "SEED=1"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    assert completed.returncode == 0, completed.stdout


def test_other_paths_have_no_route(endpoint):
    """sam local rejects the rest like API Gateway, but does not support gateway responses."""
    for path in ("/other", "/meetings/1/rooms", "/"):
        assert post(endpoint, b"{}", path=path)[0] == 403


def test_the_daily_limit_is_enforced(tmp_path):
    with sam_local(tmp_path, DAILY_MEETING_LIMIT="1") as endpoint:
        assert post(endpoint, b'{"ClientRequestToken": "first"}')[0] == 201
        assert_rejected(
            endpoint, "ResourceLimitExceededException", 400, "limit of meetings",
            ClientRequestToken="second",
        )
        assert post(endpoint, b'{"ClientRequestToken": "first"}')[0] == 201


def test_a_caller_without_a_required_iam_identity_is_rejected(tmp_path):
    with sam_local(tmp_path, ALLOWED_ACCOUNT_IDS="111122223333") as endpoint:
        assert_rejected(
            endpoint, "UnauthorizedClientException", 401, "no IAM identity",
            ClientRequestToken="token",
        )


class FailingDynamoDb(http.server.BaseHTTPRequestHandler):
    """Responds to each request with `error`, or closes the connection if there is none."""

    error = None

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.error is None:
            self.close_connection = True
            return
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{self.error}"}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_dynamodb_failures_are_mapped_to_typed_errors(tmp_path):
    # Containers cannot reach the host's loopback.
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), FailingDynamoDb) as dynamodb:
        threading.Thread(target=dynamodb.serve_forever, daemon=True).start()
        failing = f"http://host.docker.internal:{dynamodb.server_port}"
        log = tmp_path / "start-api.log"
        with serving(START_API, log, AWS_ENDPOINT_URL_DYNAMODB=failing) as endpoint:
            for error, exception, status in [
                ("ThrottlingException", "ThrottledClientException", 429),
                ("ResourceNotFoundException", "ServiceFailureException", 500),
                (None, "ServiceUnavailableException", 503),
            ]:
                FailingDynamoDb.error = error
                assert_rejected(endpoint, exception, status, "", ClientRequestToken="token")
        dynamodb.shutdown()


@pytest.fixture
def database(tmp_path):
    return tmp_path / "meetings.db"


def invoke(event, database, **settings):
    """The response, if any, that `sam local invoke` gets for an event: one in `events/`, or its content."""
    is_file = isinstance(event, str)
    completed = subprocess.run(
        [LOCAL_AWS, "--for-containers", "--dynamodb", database, "--chime-sdk",
         SAM, "local", "invoke", "--event", f"events/{event}.json" if is_file else "-"],
        cwd=ROOT, env={**os.environ, **settings}, input=None if is_file else json.dumps(event), capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )
    assert completed.returncode == 0, completed.stderr
    response = json.loads(completed.stdout)
    if response is None:
        return None
    response["headers"] = {name.lower(): value for name, value in response["headers"].items()}
    return response


SOURCES = ("create-meeting", "create-meeting-http-api", "create-meeting-function-url")


def anonymous(source):
    event = load(source)
    event["requestContext"] |= {"identity": {"accountId": None}, "authorizer": None}
    return event


@pytest.mark.parametrize("event", STATUSES)
def test_an_event_gets_the_response_of_its_operation(event, database):
    assert_response(event, invoke(event, database))


@pytest.mark.parametrize("source", SOURCES)
def test_create_meeting_events_get_the_expected_responses(source, database):
    event = load(source)
    request = json.loads(event["body"])

    # The stand-in for the Amazon Chime SDK starts anew with each invocation, so it would say that a meeting that is old
    # enough to be checked has ended.
    def respond(**members):
        return invoke(event | {"body": json.dumps(request | members)}, database, MEDIA_PLANE="templates")

    created = respond()
    replay = respond(MediaRegion="us-east-1", Tags=None)
    assert (created["statusCode"], replay["statusCode"]) == (201, 201)
    assert replay["body"] == created["body"]

    mismatch = respond(ExternalMeetingId="retrospective", MediaRegion="eu-west-1")
    assert mismatch["statusCode"] == 400
    assert "different values for" in mismatch["body"]

    arns = {"SnsTopicArn": "arn:aws:sns:eu-central-1:111122223333:meetings",
            "SqsQueueArn": "arn:aws:sqs:eu-central-1:111122223333:meetings"}
    full = respond(
        ClientRequestToken=f"{source}-full", MediaRegion="eu-central-1", MeetingHostId="host-7",
        NotificationsConfiguration=arns, Tags=[{"Key": "team", "Value": "platform"}],
    )
    assert full["statusCode"] == 201

    invalid = respond(ClientRequestToken="no spaces", ExternalMeetingId="x", MediaRegion="mars-north-1", Tags=[])
    assert invalid["statusCode"] == 400
    assert "validation errors detected" in invalid["body"]

    body = json.dumps({"ClientRequestToken": f"{source}-base64", "ExternalMeetingId": "café 📅"}).encode()
    encoded = invoke(event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}, database)
    assert encoded["statusCode"] == 201
    assert "café 📅" in encoded["body"]


@pytest.mark.parametrize(("event", "statuses"), [
    # Without IAM, with the account allowed, and with only another account allowed.
    (anonymous("create-meeting"), [201, 401, 401]),
    ("create-meeting-http-api", [201, 201, 403]),
    (anonymous("create-meeting-function-url"), [201, 401, 401]),
])
def test_the_allowed_accounts_determine_which_callers_are_accepted(event, statuses, database):
    allowed = [{}, *({"ALLOWED_ACCOUNT_IDS": account} for account in ("111122223333", "000000000001"))]
    answers = [invoke(event, database, MEDIA_PLANE="templates", **setting) for setting in allowed]
    assert [answer["statusCode"] for answer in answers] == statuses


def test_an_event_of_a_rest_api_with_a_base_path_creates_a_meeting(database):
    event = load("create-meeting") | {"path": "/chime/meetings"}
    assert invoke(event, database)["statusCode"] == 201


@pytest.mark.parametrize("event", [
    event for event, status in STATUSES.items() if status == 404 or event == "create-meeting-with-attendees"
])
def test_operations_that_the_media_plane_does_not_support_are_rejected(event, database):
    name = "".join(word.capitalize() for word in event.split("-"))
    answer = invoke(event, database, MEDIA_PLANE="templates")
    assert answer["statusCode"] == 400
    assert f"does not support {name}." in answer["body"]


def test_the_function_is_compatible_with_glibc_on_amazon_linux_2023():
    """Amazon Linux 2023 has glibc 2.34. This machine may have a newer one."""
    program = (ROOT / ".aws-sam/build/CreateMeetingFunction/bootstrap").read_bytes()
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", program)
    assert max((int(major), int(minor)) for major, minor in versions) <= (2, 34)


def test_the_function_loads_no_libraries_that_glibc_2_34_has_merged():
    """For an older glibc, each cold start would load them."""
    program = (ROOT / ".aws-sam/build/CreateMeetingFunction/bootstrap").read_bytes()
    assert b"libc.so.6" in program
    assert not re.search(rb"lib(pthread|dl)\.so", program)

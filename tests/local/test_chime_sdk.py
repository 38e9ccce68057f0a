"""The local Chime SDK, called by the current boto3 like AWS's service.

`make test` runs it, in its own virtual environment.
"""

import json
import os
import re
import subprocess

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import chime_sdk_schema
from helpers.serving import ROOT

LOCAL_AWS = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/local-aws"
ENDPOINT = "AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS"
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
MEETING = {"ExternalMeetingId": "café «1»", "MediaRegion": "eu-west-2"}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module", autouse=True)
def service():
    """The service, with the environment that a command gets from it."""
    # It runs until its standard input ends.
    command = [LOCAL_AWS, "--chime-sdk", "sh", "-c", f'echo "${ENDPOINT}"; exec cat']
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            patch.setenv(ENDPOINT, process.stdout.readline().strip())
            yield
            process.stdin.close()


def new_client(region="eu-central-1", secret="secret", **config):
    """A client that sends a test's requests without validation or retries, and checks each response."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, **config)
    client = boto3.client("chime-sdk-meetings", region, aws_secret_access_key=secret,
                          aws_access_key_id="AKIDEXAMPLE", config=config)
    client.meta.events.register("after-call.chime-sdk-meetings", assert_modelled)
    return client


@pytest.fixture
def client():
    return new_client()


@pytest.fixture
def meeting_id(client):
    return client.create_meeting(**MEETING)["Meeting"]["MeetingId"]


def assert_modelled(http_response, model, **_):
    """Asserts that a response has exactly the members in AWS's model."""
    assert http_response.headers["x-amzn-requestid"]
    if http_response.status_code < 300:
        assert http_response.status_code == model.http.get("responseCode", 200)
        if model.output_shape:
            assert_shape(json.loads(http_response.content), model.output_shape)
        else:
            assert http_response.content == b""
        return
    body = json.loads(http_response.content)
    assert body.keys() == {"Code", "Message", "RequestId"}
    name = http_response.headers["x-amzn-errortype"]
    assert name == body["Code"] + "Exception"
    # Errors common to all AWS services are not in the model.
    errors = {shape.name: shape for shape in model.error_shapes}
    if name in errors:
        assert http_response.status_code == errors[name].metadata["error"]["httpStatusCode"]


def assert_shape(value, shape):
    if value is None:
        return
    if shape.type_name == "structure":
        assert value.keys() <= shape.members.keys()
        for name, member in value.items():
            assert_shape(member, shape.members[name])
    elif shape.type_name == "list":
        for item in value:
            assert_shape(item, shape.member)
    else:
        assert isinstance(value, {"string": str, "integer": int}[shape.type_name])


def assert_rejected(status, name, message, call, *arguments, **members):
    with pytest.raises(ClientError) as raised:
        call(*arguments, **members)
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, name)
    assert message in response["Error"]["Message"]
    return raised.value


def test_the_request_schema_matches_the_model():
    schema = (ROOT / "local/src/chime_sdk/requests.json").read_text()
    assert schema == chime_sdk_schema.generate(), "see tests/local/chime_sdk_schema.py"


def test_a_meeting_is_created_once_per_token(client):
    created = client.create_meeting(
        ClientRequestToken="a-token", MeetingHostId="a host", TenantIds=["tenant"], PrimaryMeetingId="primary",
        MeetingFeatures={"Audio": {"EchoReduction": "AVAILABLE"}}, Tags=[{"Key": "team", "Value": ""}],
        MediaPlacementNetworkType="DualStack", **MEETING,
    )["Meeting"]
    meeting_id = created["MeetingId"]
    assert GUID.fullmatch(meeting_id)
    assert created["MeetingArn"] == f"arn:aws:chime:eu-central-1:111122223333:meeting/{meeting_id}"
    assert created["MeetingFeatures"] == {"Audio": {"EchoReduction": "AVAILABLE"}}
    members = ("ExternalMeetingId", "MediaRegion", "MeetingHostId", "PrimaryMeetingId", "TenantIds")
    assert [created[member] for member in members] == ["café «1»", "eu-west-2", "a host", "primary", ["tenant"]]
    assert {name: re.sub(r"^[0-9a-f]{32}", "(hex)", url).replace(meeting_id, "(id)")
            for name, url in created["MediaPlacement"].items()} == {
        "AudioHostUrl": "(hex).k.m2.ew2.app.chime.aws:3478",
        "AudioFallbackUrl": "wss://haxrp.m2.ew2.app.chime.aws:443/calls/(id)",
        "SignalingUrl": "wss://signal.m2.ew2.app.chime.aws/control/(id)",
        "TurnControlUrl": "https://ccp.cp.ue1.app.chime.aws/v2/turn_sessions",
        "ScreenDataUrl": "wss://bitpw.m2.ew2.app.chime.aws:443/v2/screen/(id)",
        "ScreenViewingUrl": "wss://bitpw.m2.ew2.app.chime.aws:443/ws/connect"
                            "?passcode=null&viewer_uuid=null&X-BitHub-Call-Id=(id)",
        "ScreenSharingUrl": "wss://bitpw.m2.ew2.app.chime.aws:443/v2/screen/(id)",
        "EventIngestionUrl": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
    }
    assert client.get_meeting(MeetingId=meeting_id)["Meeting"] == created

    assert client.create_meeting(ClientRequestToken="a-token", **MEETING)["Meeting"] == created
    other = client.create_meeting(ClientRequestToken="another-token", **MEETING)["Meeting"]
    assert other["MeetingId"] != meeting_id
    assert "MeetingFeatures" not in other


def test_an_attendee_is_created_once_per_user(client, meeting_id):
    created = client.create_attendee(MeetingId=meeting_id, ExternalUserId="user 1")["Attendee"]
    assert GUID.fullmatch(created["AttendeeId"])
    assert re.fullmatch("[a-zA-Z0-9+/]+", created["JoinToken"])
    capabilities = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
    assert created["Capabilities"] == capabilities
    receive = dict.fromkeys(capabilities, "Receive")
    batch = client.batch_create_attendee(MeetingId=meeting_id, Attendees=[
        {"ExternalUserId": "user 1"}, {"ExternalUserId": "user 2", "Capabilities": receive},
    ])
    first, second = batch["Attendees"]
    assert first == created
    assert (second["ExternalUserId"], second["Capabilities"]) == ("user 2", receive)
    assert second["JoinToken"] != created["JoinToken"]
    assert batch["Errors"] == []

    attendee = {"MeetingId": meeting_id, "AttendeeId": created["AttendeeId"]}
    assert client.get_attendee(**attendee)["Attendee"] == created
    client.delete_attendee(**attendee)
    for operation in (client.get_attendee, client.delete_attendee):
        assert_rejected(404, "NotFoundException", "attendee", operation, **attendee)
    again = client.create_attendee(MeetingId=meeting_id, ExternalUserId="user 1")["Attendee"]
    assert again["AttendeeId"] != created["AttendeeId"]


def test_attendee_lists_are_paginated(client, meeting_id):
    users = [f"user {number}" for number in range(5)]
    client.batch_create_attendee(MeetingId=meeting_id, Attendees=[{"ExternalUserId": user} for user in users])
    pages, arguments = [], {"MeetingId": meeting_id, "MaxResults": 2}
    while True:
        page = client.list_attendees(**arguments)
        pages.append([attendee["ExternalUserId"] for attendee in page["Attendees"]])
        if "NextToken" not in page:
            break
        arguments["NextToken"] = page["NextToken"]
    assert pages == [users[:2], users[2:4], users[4:]]
    whole = client.list_attendees(MeetingId=meeting_id)
    assert len(whole["Attendees"]) == 5
    assert "NextToken" not in whole
    arguments["NextToken"] = "another"
    assert_rejected(400, "BadRequestException", "NextToken", client.list_attendees, **arguments)


def test_a_meeting_has_no_more_than_250_attendees(client, meeting_id):
    def batch(numbers):
        attendees = [{"ExternalUserId": f"user {number}"} for number in numbers]
        return client.batch_create_attendee(MeetingId=meeting_id, Attendees=attendees)

    batch(range(100))
    batch(range(100, 200))
    last = batch(range(200, 252))
    assert len(last["Attendees"]) == 50
    assert [(error["ExternalUserId"], error["ErrorCode"]) for error in last["Errors"]] == [
        ("user 250", "LimitExceeded"), ("user 251", "LimitExceeded"),
    ]
    assert_rejected(
        400, "LimitExceededException", "", client.create_attendee,
        MeetingId=meeting_id, ExternalUserId="user 252",
    )
    assert len(client.list_attendees(MeetingId=meeting_id)["Attendees"]) == 100


def test_operations_on_an_ended_meeting_are_rejected(client, meeting_id):
    attendee_id = client.create_attendee(MeetingId=meeting_id, ExternalUserId="user")["Attendee"]["AttendeeId"]
    client.delete_meeting(MeetingId=meeting_id)
    for operation, members in [
        (client.get_meeting, {}),
        (client.delete_meeting, {}),
        (client.create_attendee, {"ExternalUserId": "user"}),
        (client.batch_create_attendee, {"Attendees": [{"ExternalUserId": "user"}]}),
        (client.get_attendee, {"AttendeeId": attendee_id}),
        (client.list_attendees, {}),
        (client.delete_attendee, {"AttendeeId": attendee_id}),
        (client.start_meeting_transcription, {"TranscriptionConfiguration": {"EngineTranscribeSettings": {}}}),
        (client.stop_meeting_transcription, {}),
    ]:
        error = assert_rejected(
            404, "NotFoundException", "The meeting has ended", operation, MeetingId=meeting_id, **members,
        )
        assert isinstance(error, client.exceptions.NotFoundException)


def test_a_meeting_is_created_with_its_attendees(client):
    request = {"ClientRequestToken": "with-attendees", "Attendees": [{"ExternalUserId": "user"}], **MEETING}
    created = client.create_meeting_with_attendees(**request)
    [attendee] = created["Attendees"]
    assert created["Errors"] == []
    meeting_id = created["Meeting"]["MeetingId"]
    assert client.list_attendees(MeetingId=meeting_id)["Attendees"] == [attendee]
    again = client.create_meeting_with_attendees(**request)
    assert (again["Meeting"], again["Attendees"]) == (created["Meeting"], created["Attendees"])


def test_transcription_starts_and_stops(client, meeting_id):
    for settings in [
        {"EngineTranscribeSettings": {"LanguageCode": "en-US", "Region": "auto"}},
        {"EngineTranscribeMedicalSettings": {
            "LanguageCode": "en-US", "Specialty": "CARDIOLOGY", "Type": "DICTATION",
        }},
    ]:
        client.start_meeting_transcription(MeetingId=meeting_id, TranscriptionConfiguration=settings)
        client.stop_meeting_transcription(MeetingId=meeting_id)
    assert_rejected(
        400, "BadRequestException", "EngineTranscribeSettings", client.start_meeting_transcription,
        MeetingId=meeting_id, TranscriptionConfiguration={},
    )


@pytest.mark.parametrize(("members", "violation"), [
    ({"ExternalMeetingId": None}, "Value null at 'externalMeetingId' failed to satisfy constraint: "
                                  "Member must not be null"),
    ({"ClientRequestToken": "x" * 65}, "length less than or equal to 64"),
    ({"ClientRequestToken": "a token"}, "Member must satisfy regular expression pattern"),
    ({"ExternalMeetingId": "x"}, "Value 'x' at 'externalMeetingId' failed to satisfy constraint: "
                                 "Member must have length greater than or equal to 2"),
    ({"ExternalMeetingId": "100 %"}, "pattern"),
    ({"ExternalMeetingId": "AWS:room"}, "pattern"),
    ({"MeetingHostId": "x"}, "'meetingHostId'"),
    ({"NotificationsConfiguration": {"SqsQueueArn": "queue"}}, "'notificationsConfiguration.sqsQueueArn'"),
    ({"MeetingFeatures": {"Attendee": {"MaxCount": 251}}}, "value less than or equal to 250"),
    ({"MeetingFeatures": {"Video": {"MaxResolution": "UHD"}}}, "enum value set"),
    ({"TenantIds": []}, "'tenantIds'"),
    ({"TenantIds": ["aaaa"]}, "'tenantIds.1.member'"),
    ({"Tags": [{"Key": "team"}, {"Key": "Cost Center", "Value": "1"}]}, "'tags.2.member.key'"),
    ({"Tags": [{"Key": "team"}]}, "Value null at 'tags.1.member.value'"),
    ({"Tags": [{"Key": "team", "Value": "!"}]}, "'tags.1.member.value'"),
    ({"Tags": [{"Key": f"key{number}", "Value": "1"} for number in range(51)]}, "less than or equal to 50"),
])
def test_create_meeting_rejects_constraint_violations(client, members, violation):
    members = {name: value for name, value in (MEETING | members).items() if value is not None}
    assert_rejected(400, "ValidationException", violation, client.create_meeting, **members)


@pytest.mark.parametrize(("operation", "members", "violation"), [
    ("create_meeting_with_attendees", MEETING, "Value null at 'attendees'"),
    ("create_meeting_with_attendees", MEETING | {"Attendees": [{"ExternalUserId": "user"}] * 21}, "'attendees'"),
    ("create_attendee", {"ExternalUserId": "100 %"}, "'externalUserId'"),
    ("create_attendee", {"ExternalUserId": "user", "Capabilities": {"Audio": "Send"}}, "'capabilities.video'"),
    ("batch_create_attendee", {"Attendees": []}, "'attendees'"),
    ("batch_create_attendee", {"Attendees": [{"ExternalUserId": "user"}] * 101}, "'attendees'"),
    ("get_meeting", {"MeetingId": "meeting"}, "'meetingId'"),
    ("get_attendee", {"AttendeeId": "attendee"}, "'attendeeId'"),
    ("list_attendees", {"MaxResults": 0}, "value greater than or equal to 1"),
    ("list_attendees", {"MaxResults": 101}, "value less than or equal to 100"),
    ("start_meeting_transcription", {}, "'transcriptionConfiguration'"),
    ("start_meeting_transcription",
     {"TranscriptionConfiguration": {"EngineTranscribeSettings": {"LanguageCode": "xx"}}}, "enum value set"),
])
def test_other_operations_reject_constraint_violations(client, operation, members, violation):
    if "MediaRegion" not in members:
        members = {"MeetingId": UNKNOWN_ID} | members
    assert_rejected(400, "ValidationException", violation, getattr(client, operation), **members)


def test_violations_are_counted(client):
    assert_rejected(
        400, "ValidationException", "2 validation errors detected: ", client.create_meeting,
        **MEETING | {"ExternalMeetingId": "x", "MediaRegion": "x"},
    )


def test_an_unsupported_media_region_is_rejected(client):
    assert_rejected(
        400, "BadRequestException", "us-east-9", client.create_meeting, **MEETING | {"MediaRegion": "us-east-9"},
    )


def test_a_value_of_the_wrong_type_is_rejected(client):
    assert_rejected(400, "SerializationException", "", client.create_meeting, **MEETING | {"MeetingHostId": 7})


@pytest.mark.parametrize(("settings", "name"), [
    ({"region": "eu-west-2"}, "InvalidSignatureException"),
    ({"secret": "another"}, "InvalidSignatureException"),
    ({"signature_version": UNSIGNED}, "MissingAuthenticationTokenException"),
])
def test_an_invalid_or_missing_signature_is_rejected(settings, name):
    assert_rejected(403, name, "", new_client(**settings).get_meeting, MeetingId=UNKNOWN_ID)


def test_a_request_signed_for_another_service_is_rejected(client):
    client.meta.events.register(
        "choose-signer.chime-sdk-meetings",
        lambda context, **_: context.update(signing={"signing_name": "execute-api"}),
    )
    assert_rejected(
        403, "InvalidSignatureException", "correct service", client.get_meeting, MeetingId=UNKNOWN_ID,
    )


def test_a_signature_with_a_session_token_is_accepted(monkeypatch, meeting_id):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    session = boto3.client("chime-sdk-meetings", "eu-central-1")
    assert session.get_meeting(MeetingId=meeting_id)["Meeting"]["MeetingId"] == meeting_id


def test_an_unsupported_operation_is_rejected(client):
    assert_rejected(
        404, "UnknownOperationException", "", client.list_tags_for_resource, ResourceARN="arn:aws:chime",
    )

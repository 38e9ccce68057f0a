"""Clients with a changed environment and unchanged code, against `make run` behind a stand-in for API Gateway.

`make test` runs it, in the environment of `../local/test_chime_sdk.py`: with the current boto3 and AWS CLI.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointResolutionError

from recording_gateway import recording
from helpers.serving import PATIENCE, ROOT

BOTOCORE = str(ROOT / "clients/botocore")
SIGNED_FOR_EXECUTE_API = str(ROOT / "clients/botocore-execute-api")
PRELOAD = ROOT / "clients/javascript/chime-endpoint.js"
JAVASCRIPT = ROOT / "tests/clients/javascript"
# The last of each major version is installed in `tests/`.
JAVASCRIPT_SDKS = [
    "aws-sdk-2.682.0", "aws-sdk", "client-chime-3.15.0", "client-chime-3.481.0", "@aws-sdk/client-chime",
]
TSX = JAVASCRIPT / "node_modules/.bin/tsx"
AWS = Path(sys.executable).parent / "aws"
# Chime is a global service in us-east-1. API Gateway requires a signature for its own Region.
REGION = "eu-west-1"
UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def before_endpoint(endpoint):
    with recording(endpoint) as gateway:
        yield gateway


@pytest.fixture
def gateway(before_endpoint, environment):
    """The stand-in for API Gateway, with no requests recorded. The environment sets it as Chime's endpoint."""
    before_endpoint.take_requests()
    environment(AWS_ENDPOINT_URL_CHIME=before_endpoint.endpoint)
    return before_endpoint


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Changes the environment, which otherwise has only credentials and a Region for SDKs."""
    def change(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    change(
        HOME=str(tmp_path), AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret",
        AWS_DEFAULT_REGION=REGION, AWS_REGION=REGION, AWS_EC2_METADATA_DISABLED="true",
        AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE="1", NODE_NO_WARNINGS="1",
    )
    return change


def run(*command, cwd=None, **variables):
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=os.environ | variables, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )


def chime():
    """A client like that of a newly started program."""
    return boto3.Session().client("chime")


def test_the_current_boto3_calls_all_operations(gateway, environment):
    environment(AWS_DATA_PATH=BOTOCORE)
    client = chime()
    called = set()
    client.meta.events.register("before-call.chime", lambda model, **_: called.add(model.name))
    meeting = client.create_meeting(MediaRegion="eu-west-2", Tags=[{"Key": "team", "Value": "platform"}])["Meeting"]
    of_meeting = {"MeetingId": meeting["MeetingId"]}
    assert client.get_meeting(**of_meeting)["Meeting"] == meeting
    assert meeting in client.list_meetings()["Meetings"]

    first = client.create_attendee(**of_meeting, ExternalUserId="first")["Attendee"]
    batch = client.batch_create_attendee(**of_meeting, Attendees=[{"ExternalUserId": "second"}])
    assert (batch["Attendees"][0]["ExternalUserId"], batch["Errors"]) == ("second", [])
    of_attendee = of_meeting | {"AttendeeId": first["AttendeeId"]}
    assert client.get_attendee(**of_attendee)["Attendee"] == first
    page = client.list_attendees(**of_meeting, MaxResults=1)
    rest = client.list_attendees(**of_meeting, MaxResults=1, NextToken=page["NextToken"])
    assert {attendee["ExternalUserId"] for attendee in page["Attendees"] + rest["Attendees"]} == {"first", "second"}
    client.delete_attendee(**of_attendee)
    with pytest.raises(client.exceptions.NotFoundException, match="no such attendee"):
        client.get_attendee(**of_attendee)

    engine = {"EngineTranscribeSettings": {"LanguageCode": "en-US"}}
    client.start_meeting_transcription(**of_meeting, TranscriptionConfiguration=engine)
    client.stop_meeting_transcription(**of_meeting)
    client.delete_meeting(**of_meeting)
    with pytest.raises(client.exceptions.NotFoundException, match="The meeting has ended") as ended:
        client.get_meeting(**of_meeting)
    assert ended.value.response["Code"] == "NotFound"
    both = client.create_meeting_with_attendees(Attendees=[{"ExternalUserId": "first"}])
    assert (both["Attendees"][0]["ExternalUserId"], both["Errors"]) == ("first", [])

    assert called == set(client.meta.service_model.operation_names)
    assert {scope for _, scope in gateway.take_requests()} == {f"{REGION}/chime"}


@pytest.mark.parametrize("order", [(BOTOCORE, SIGNED_FOR_EXECUTE_API), (SIGNED_FOR_EXECUTE_API, BOTOCORE)])
def test_boto3_signs_for_execute_api(order, gateway, environment):
    environment(AWS_DATA_PATH=os.pathsep.join(order))
    chime().create_meeting()
    assert gateway.take_requests() == [("POST /Prod/meetings", f"{REGION}/execute-api")]


def test_boto3_needs_nothing_but_the_shared_config_file(before_endpoint, tmp_path):
    before_endpoint.take_requests()
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(f"""
[default]
data_path = {BOTOCORE}
services = create-meeting

[services create-meeting]
chime =
  endpoint_url = {before_endpoint.endpoint}
""")
    chime().create_meeting()
    assert before_endpoint.take_requests() == [("POST /Prod/meetings", f"{REGION}/chime")]


def test_boto3_finds_the_service_description_in_the_home_directory(gateway, tmp_path):
    shutil.copytree(BOTOCORE, tmp_path / ".aws/models")
    # botocore looks up the home directory when it is imported.
    completed = run(sys.executable, "-c", "import boto3; boto3.client('chime').create_meeting()")
    assert completed.returncode == 0, completed.stderr
    assert len(gateway.take_requests()) == 1


def test_boto3_reports_a_missing_endpoint(environment):
    environment(AWS_DATA_PATH=BOTOCORE)
    with pytest.raises(EndpointResolutionError, match="Set AWS_ENDPOINT_URL_CHIME"):
        chime().create_meeting()


def test_boto3_has_no_create_meeting_without_the_service_description(environment):
    environment(AWS_ENDPOINT_URL_CHIME=UNREACHABLE, AWS_DATA_PATH="/no/such/directory")
    assert not hasattr(chime(), "create_meeting")


def test_the_aws_cli_creates_a_meeting(gateway, environment):
    environment(AWS_DATA_PATH=BOTOCORE)
    completed = run(AWS, "chime", "create-meeting", "--media-region", "eu-west-2")
    assert completed.returncode == 0, completed.stderr
    assert json.loads(completed.stdout)["Meeting"]["MediaRegion"] == "eu-west-2"
    invalid = run(AWS, "chime", "create-meeting", "--media-region", "nowhere")
    assert invalid.returncode != 0
    assert "(BadRequestException) when calling the CreateMeeting operation: 1 validation error" in invalid.stderr
    assert gateway.take_requests() == [("POST /Prod/meetings", f"{REGION}/chime")] * 2


def test_the_aws_cli_signs_for_execute_api(gateway):
    path = os.pathsep.join([BOTOCORE, SIGNED_FOR_EXECUTE_API])
    completed = run(AWS, "chime", "create-meeting", AWS_DATA_PATH=path)
    assert completed.returncode == 0, completed.stderr
    assert gateway.take_requests() == [("POST /Prod/meetings", f"{REGION}/execute-api")]


def test_the_aws_cli_shows_help(tmp_path):
    # The AWS CLI formats its pages with groff, which not every machine has.
    groff = tmp_path / "groff"
    groff.write_text("#!/bin/sh\nexec cat\n")
    groff.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    completed = run(AWS, "chime", "create-meeting", "help", PATH=path, PAGER="cat", AWS_DATA_PATH=BOTOCORE)
    assert completed.returncode == 0, completed.stderr
    page = " ".join(completed.stdout.replace("\\", "").split())
    assert "Creates a meeting without attendees, once for its token" in page
    assert "Your own ID for the meeting." in page


def use_preload(sdk, how, *arguments, node="node", **variables):
    """Runs chime.mjs with the preload. Returns what it prints, and what is printed to stderr."""
    completed = run(
        node, JAVASCRIPT / "chime.mjs", sdk, how, *arguments, NODE_OPTIONS=f"--require {PRELOAD}", **variables,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout), completed.stderr


@pytest.mark.parametrize(("node", "how"), [("node", "import"), ("node", "require"), (TSX, "import")])
@pytest.mark.parametrize("sdk", JAVASCRIPT_SDKS)
def test_the_preload_redirects_only_the_meetings_api_of_chime_clients(sdk, node, how, gateway):
    printed, errors = use_preload(
        sdk, how, "https://program.example", node=node, AWS_CHIME_SIGNING_NAME="execute-api",
        AWS_ENDPOINT_URL_CHIME=gateway.endpoint.replace("//", "//user:password@"),
        OTHER_ENDPOINT=f"{gateway.endpoint}/other",
    )
    told = f"the meetings API of Amazon Chime is called at {gateway.endpoint}, signed for execute-api"
    assert errors == f"chime-endpoint.js: {told}.\n"
    assert "BadRequest" in printed.pop("error")
    assert printed == {"meeting": "meeting", "attendee": "attendee", "overHttps": ["program.example/accounts"]}
    *of_chime, (of_another_service, its_scope) = gateway.take_requests()
    assert [re.sub(r"/[0-9a-f-]{36}/", "/ID/", request) for request, _ in of_chime] == [
        "POST /Prod/meetings", "POST /Prod/meetings/ID/attendees", "POST /Prod/meetings",
    ]
    assert {scope for _, scope in of_chime} == {f"{REGION}/execute-api"}
    assert " /Prod/other" in of_another_service
    assert its_scope != f"{REGION}/execute-api"


@pytest.mark.parametrize("sdk", JAVASCRIPT_SDKS)
def test_the_preload_keeps_the_signing_name_and_other_operations(sdk, gateway):
    printed, _ = use_preload(sdk, "require", OTHER_ENDPOINT=gateway.endpoint)
    assert [scope for _, scope in gateway.take_requests()][:3] == [f"{REGION}/chime"] * 3
    # To version 3, Chime is a global service in us-east-1.
    region = REGION if sdk.startswith("aws-sdk") else "us-east-1"
    assert printed["overHttps"] == [f"chime.{region}.amazonaws.com/accounts"]


def test_the_preload_redirects_all_operations_of_the_meetings_api(environment):
    program = """
        const chime = new (require("aws-sdk").Chime)();
        const isRedirected = (operation) => chime.makeRequest(operation).httpRequest.endpoint.hostname === "127.0.0.1";
        console.log(JSON.stringify(Object.keys(chime.api.operations).filter(isRedirected)));
    """
    environment(AWS_ENDPOINT_URL_CHIME=UNREACHABLE)
    completed = run("node", "--eval", program, cwd=JAVASCRIPT, NODE_OPTIONS=f"--require {PRELOAD}")
    known = re.findall(r'row\("(\w+)", "(?:DELETE|GET|POST)"', (ROOT / "src/operation.rs").read_text())
    assert len(known) == 22
    assert {name.lower() for name in json.loads(completed.stdout)} == {name.lower() for name in known}


def test_the_preload_works_under_jest(gateway):
    completed = run(
        JAVASCRIPT / "node_modules/.bin/jest", "--forceExit", "--config", json.dumps({"rootDir": str(JAVASCRIPT)}),
        NODE_OPTIONS=f"--require {PRELOAD}", AWS_CHIME_SIGNING_NAME="execute-api",
    )
    assert completed.returncode == 0, completed.stderr
    assert gateway.take_requests() == [("POST /Prod/meetings", f"{REGION}/execute-api")] * 2


@pytest.mark.parametrize("sdk", ["client-chime-3.481.0", "@aws-sdk/client-chime"])
def test_newer_v3_clients_need_no_preload(sdk, gateway):
    completed = run("node", JAVASCRIPT / "chime.mjs", sdk, "import", OTHER_ENDPOINT=gateway.endpoint)
    assert completed.returncode == 0, completed.stderr
    assert gateway.take_requests()[0] == ("POST /Prod/meetings", f"{REGION}/chime")


@pytest.mark.parametrize(("url", "reason"), [
    ("", "is not set"),
    *(
        (url, "is not an http or https URL")
        for url in ["localhost", "localhost:9000", "ftp://user:password@localhost", "http://"]
    ),
])
def test_the_preload_reports_that_it_redirects_nothing(url, reason, gateway):
    # This version does not read the variable itself.
    _, errors = use_preload(
        "aws-sdk", "require", gateway.endpoint, AWS_ENDPOINT_URL_CHIME=url, AWS_CHIME_SIGNING_NAME="execute-api",
        OTHER_ENDPOINT=gateway.endpoint,
    )
    assert errors == (
        f"chime-endpoint.js: AWS_ENDPOINT_URL_CHIME {reason}. Requests of the meetings API are not redirected.\n"
    )
    assert gateway.take_requests()[0] == ("POST /Prod/meetings", f"{REGION}/chime")


@pytest.mark.parametrize("endpoint", ["", UNREACHABLE])
def test_the_preload_prints_nothing_before_a_request(endpoint):
    program = "require('child_process').spawnSync(process.execPath, ['--eval', '0'], { stdio: 'inherit' });"
    program += "for (const sdk of ['aws-sdk', '@aws-sdk/client-chime']) new (require(sdk).Chime)({});"
    completed = run(
        "node", "--eval", program, cwd=JAVASCRIPT, NODE_OPTIONS=f"--require {PRELOAD}", AWS_ENDPOINT_URL_CHIME=endpoint,
    )
    assert (completed.returncode, completed.stdout + completed.stderr) == (0, "")


def test_node_reports_a_missing_preload():
    completed = run("node", "--eval", "", NODE_OPTIONS="--require /no/such/chime-endpoint.js")
    assert completed.returncode != 0
    assert "Cannot find module '/no/such/chime-endpoint.js'" in completed.stderr


def test_the_chime_sdk_client_of_boto3_works_with_the_endpoint(gateway, environment):
    environment(AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS=gateway.endpoint)
    client = boto3.Session().client("chime-sdk-meetings")
    required = {"ExternalMeetingId": "meeting", "MediaRegion": "eu-west-2"}
    features = {"Audio": {"EchoReduction": "AVAILABLE"}}
    meeting = client.create_meeting(**required, MeetingFeatures=features, TenantIds=["tenant"])["Meeting"]
    assert sorted(meeting) == ["ExternalMeetingId", "MediaPlacement", "MediaRegion", "MeetingId"]
    of_meeting = {"MeetingId": meeting["MeetingId"]}
    capabilities = {"Audio": "Send", "Video": "None", "Content": "None"}
    attendee = client.create_attendee(**of_meeting, ExternalUserId="first", Capabilities=capabilities)["Attendee"]
    assert attendee["Capabilities"] == capabilities
    client.batch_create_attendee(**of_meeting, Attendees=[{"ExternalUserId": "second"}])
    assert len(client.list_attendees(**of_meeting)["Attendees"]) == 2
    client.delete_meeting(**of_meeting)
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_meeting(**of_meeting)

    eleven = [{"ExternalUserId": f"user {number}"} for number in range(11)]
    with pytest.raises(client.exceptions.BadRequestException, match="less than or equal to 10"):
        client.create_meeting_with_attendees(**required, Attendees=eleven)
    with pytest.raises(client.exceptions.BadRequestException, match="less than or equal to 99"):
        client.list_attendees(**of_meeting, MaxResults=100)
    arn = f"arn:aws:chime:us-east-1:111122223333:meeting/{meeting['MeetingId']}"
    with pytest.raises(client.exceptions.BadRequestException, match="does not support ListTagsForResource"):
        client.list_tags_for_resource(ResourceARN=arn)
    assert {scope for _, scope in gateway.take_requests()} == {f"{REGION}/chime"}


def test_the_chime_sdk_client_for_javascript_works_with_the_endpoint(gateway, environment):
    environment(AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS=gateway.endpoint)
    completed = run("node", JAVASCRIPT / "chime_sdk_meetings.mjs")
    assert completed.returncode == 0, completed.stderr
    assert json.loads(completed.stdout) == {
        "meeting": ["ExternalMeetingId", "MediaPlacement", "MediaRegion", "MeetingId"],
        "attendee": "attendee",
        "error": "The meeting has ended, or you did not create it here.",
    }

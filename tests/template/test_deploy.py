"""The stack, as `sam deploy` creates, updates and deletes it from a release in an emulator of AWS (`emulator.py`).

`make test-deploy` runs it with the archive's name in the environment. Each test updates the stack that the previous
tests left behind.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
import zipfile

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.events import load
from helpers.serving import PATIENCE, ROOT, serving

SAM = ROOT / ".venv/bin/sam"
MINISTACK_PYTHON = ROOT / ".venv/tools/ministack/bin/python"
LOCAL_AWS = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/local-aws"
RELEASE = ROOT / os.environ["RELEASE"]
STACK = "create-meeting"
ACCOUNT = "111122223333"
STRANGER = "444455556666"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    # Nothing listens there, so nothing can reach AWS, whatever goes wrong.
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
    # In seconds. The default is meant for AWS.
    "SAM_CLI_POLL_DELAY": "0.2",
}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    directory = tmp_path_factory.mktemp("release")
    shutil.unpack_archive(RELEASE, directory)
    return directory / RELEASE.stem


@pytest.fixture(scope="module", autouse=True)
def stack(unpacked, tmp_path_factory):
    """The stack after a first deployment, with the parameters of samconfig.toml and the defaults of the others."""
    directory = tmp_path_factory.mktemp("emulator")
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                environment.delenv(name)
        for name, value in {**ENVIRONMENT, "TMPDIR": str(directory)}.items():
            environment.setenv(name, value)
        # The function signs with its role's credentials, whose secret only the emulator knows.
        without_secret = ["env", "-u", "AWS_SECRET_ACCESS_KEY", str(LOCAL_AWS), "--chime-sdk"]
        command = [*without_secret, str(MINISTACK_PYTHON), "tests/template/emulator.py", "{port}"]
        with serving(command, directory / "emulator.log") as endpoint:
            environment.setenv("AWS_ENDPOINT_URL", endpoint)
            environment.chdir(unpacked)
            deploy()
            yield


def sam(*arguments):
    return subprocess.run([SAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)


def assert_sam_succeeds(*arguments):
    completed = sam(*arguments)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def deployment(**parameters):
    """The arguments that deploy the stack with these parameters. The others keep their values.

    SAM accepts an empty value only in quotes.
    """
    overrides = [f'{name}="{value}"' for name, value in parameters.items()]
    return ["deploy", "--no-confirm-changeset", *(["--parameter-overrides", *overrides] if overrides else [])]


def deploy(**parameters):
    assert_sam_succeeds(*deployment(**parameters))


def describe_stack():
    return boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]


def output(name):
    return next(output["OutputValue"] for output in describe_stack()["Outputs"] if output["OutputKey"] == name)


def client(api_key=None, config=Config(), domain=None, **credentials):
    """The README's client, except that it does not retry. With a domain, it calls that."""
    stage = "" if domain else f"/_aws/execute-api/{output('ApiId')}/Prod"
    endpoint = os.environ["AWS_ENDPOINT_URL"] + stage
    config = config.merge(Config(retries={"total_max_attempts": 1}))

    def sign_for_api_gateway(request, **_):
        request.context.setdefault("signing", {})["signing_name"] = "execute-api"
        if api_key:
            request.headers["x-api-key"] = api_key
        if domain:
            request.headers["host"] = domain

    chime = boto3.client("chime", endpoint_url=endpoint, config=config, **credentials)
    chime.meta.events.register("before-sign.chime", sign_for_api_gateway)
    return chime


def anonymous(api_key=None):
    return client(api_key, Config(signature_version=UNSIGNED))


def assert_rejected(chime, status):
    with pytest.raises(ClientError) as raised:
        chime.create_meeting()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def invoke_as(account, name="create-meeting", meeting_id=None):
    """The response to an event whose caller API Gateway has identified as belonging to this account."""
    event = load(name)
    event["requestContext"]["identity"]["accountId"] = account
    if meeting_id:
        event["pathParameters"]["MeetingId"] = meeting_id
    response = boto3.client("lambda").invoke(
        FunctionName=output("FunctionName"), Qualifier="live", Payload=json.dumps(event)
    )
    return json.load(response["Payload"])


def test_a_meeting_is_created_and_replayed_and_a_mismatch_rejected():
    chime = client()
    created = chime.create_meeting(ClientRequestToken="token")
    replayed = chime.create_meeting(ClientRequestToken="token")
    assert "idempotent-replayed" not in created["ResponseMetadata"]["HTTPHeaders"]
    assert replayed["ResponseMetadata"]["HTTPHeaders"]["idempotent-replayed"] == "true"
    assert replayed["Meeting"] == created["Meeting"]
    with pytest.raises(chime.exceptions.BadRequestException, match="ExternalMeetingId"):
        chime.create_meeting(ClientRequestToken="token", ExternalMeetingId="another")
    # The local Chime SDK creates meetings with URLs like AWS's.
    url = created["Meeting"]["MediaPlacement"]["SignalingUrl"]
    assert url.endswith(f".app.chime.aws/control/{created['Meeting']['MeetingId']}")


def test_a_meeting_works_from_creation_to_deletion():
    chime = client()
    created = chime.create_meeting_with_attendees(Attendees=[{"ExternalUserId": "anna"}])
    meeting = {"MeetingId": created["Meeting"]["MeetingId"]}
    attendee = chime.create_attendee(**meeting, ExternalUserId="ben")["Attendee"]
    batch = chime.batch_create_attendee(**meeting, Attendees=[{"ExternalUserId": "ben"}, {"ExternalUserId": "cleo"}])
    assert batch["Attendees"][0] == attendee
    page = chime.list_attendees(**meeting, MaxResults=2)
    rest = chime.list_attendees(**meeting, MaxResults=2, NextToken=page["NextToken"])
    assert len(page["Attendees"] + rest["Attendees"]) == 3
    assert chime.get_meeting(**meeting)["Meeting"] == created["Meeting"]
    assert chime.get_attendee(**meeting, AttendeeId=attendee["AttendeeId"])["Attendee"] == attendee
    language = {"EngineTranscribeSettings": {"LanguageCode": "en-US"}}
    chime.start_meeting_transcription(**meeting, TranscriptionConfiguration=language)
    chime.stop_meeting_transcription(**meeting)
    chime.delete_attendee(**meeting, AttendeeId=attendee["AttendeeId"])
    assert created["Meeting"] in chime.list_meetings()["Meetings"]
    chime.delete_meeting(**meeting)
    with pytest.raises(chime.exceptions.NotFoundException, match="The meeting has ended"):
        chime.get_meeting(**meeting)
    assert created["Meeting"] not in chime.list_meetings()["Meetings"]


def test_an_unsupported_operation_is_rejected_with_the_reason():
    chime = client()
    meeting = {"MeetingId": chime.create_meeting()["Meeting"]["MeetingId"]}
    attendee = {"AttendeeId": chime.create_attendee(**meeting, ExternalUserId="anna")["Attendee"]["AttendeeId"]}
    with pytest.raises(chime.exceptions.BadRequestException, match="ListAttendeeTags. The attendees"):
        chime.list_attendee_tags(**meeting, **attendee)


def test_the_token_of_a_deleted_meeting_is_free_at_once():
    chime = client()
    deleted = chime.create_meeting(ClientRequestToken="deleted")["Meeting"]
    chime.delete_meeting(MeetingId=deleted["MeetingId"])
    created = chime.create_meeting(ClientRequestToken="deleted")["Meeting"]
    assert created["MeetingId"] != deleted["MeetingId"]
    assert chime.get_meeting(MeetingId=created["MeetingId"])["Meeting"] == created


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_event_that_a_meeting_has_ended_frees_its_token():
    chime = client()
    ended = chime.create_meeting(ClientRequestToken="ended")["Meeting"]["MeetingId"]
    event = load("meeting-ended")
    detail = json.dumps({**event["detail"], "meetingId": ended})
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": detail}
    assert boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    # In the Amazon Chime SDK, it goes on. Only the event says that it has ended.
    def is_not_found():
        try:
            chime.get_meeting(MeetingId=ended)
        except chime.exceptions.NotFoundException:
            return True

    wait_until(is_not_found)
    assert chime.create_meeting(ClientRequestToken="ended")["Meeting"]["MeetingId"] != ended


def test_each_account_has_its_own_meetings():
    deploy(AllowedAccountIds=f"{ACCOUNT},{STRANGER}")
    # Both use the same token.
    meetings = {
        account: json.loads(invoke_as(account)["body"])["Meeting"]["MeetingId"] for account in (ACCOUNT, STRANGER)
    }
    for account, other in (ACCOUNT, STRANGER), (STRANGER, ACCOUNT):
        assert invoke_as(account, "get-meeting", meetings[account])["statusCode"] == 200
        for event in "get-meeting", "delete-meeting":
            assert invoke_as(account, event, meetings[other])["statusCode"] == 404
    deploy(AllowedAccountIds="")


def test_the_media_plane_can_be_changed():
    assert boto3.client("events").list_rules()["Rules"]
    deploy(MediaPlane="templates")
    assert not boto3.client("events").list_rules()["Rules"]
    meeting = client().create_meeting()["Meeting"]
    assert "media.example.com" in meeting["MediaPlacement"]["SignalingUrl"]
    with pytest.raises(ClientError, match="does not support GetMeeting. It supports CreateMeeting"):
        client().get_meeting(MeetingId=meeting["MeetingId"])


def allow_only(user, route):
    """Allows an IAM user to call only this route of the API."""
    resource = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{output('ApiId')}/Prod/{route}"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    boto3.client("iam").put_user_policy(UserName=user, PolicyName="caller", PolicyDocument=policy)


def test_only_identities_with_permission_to_invoke_are_accepted():
    assert_rejected(anonymous(), 403)

    iam = boto3.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    chime = client(**credentials)
    assert_rejected(chime, 403)

    allow_only("caller", "POST/meetings")
    meeting = {"MeetingId": chime.create_meeting()["Meeting"]["MeetingId"]}
    assert_rejected(client(**{**credentials, "aws_secret_access_key": "wrong"}), 403)
    with pytest.raises(ClientError, match="not authorized"):
        chime.delete_meeting(**meeting)

    allow_only("caller", "DELETE/meetings/*")
    assert_rejected(chime, 403)
    with pytest.raises(chime.exceptions.BadRequestException, match="does not support DeleteMeeting"):
        chime.delete_meeting(**meeting)


def test_the_function_itself_rejects_other_accounts():
    def statuses():
        return [invoke_as(account)["statusCode"] for account in (ACCOUNT, STRANGER)]

    assert statuses() == [201, 403]
    deploy(AllowedAccountIds=STRANGER)
    assert statuses() == [403, 201]
    deploy(AllowedAccountIds="")
    assert statuses() == [201, 403]


def test_parameters_reach_the_function():
    deploy(MediaDomain="media.test", DailyMeetingLimit=1000)
    meeting = client().create_meeting()["Meeting"]
    assert "media.test" in meeting["MediaPlacement"]["SignalingUrl"]
    items = boto3.client("dynamodb").scan(TableName=output("TableName"))["Items"]
    assert any(item["ClientRequestToken"]["S"].startswith("#meetings#") for item in items), items


@contextlib.contextmanager
def server_errors_alarm_firing():
    alarm = boto3.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="ServerErrorsAlarm"
    )["StackResourceDetail"]["PhysicalResourceId"]
    set_alarm_state = boto3.client("cloudwatch").set_alarm_state
    set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    try:
        yield
    finally:
        set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="test")


def test_a_deployment_that_changes_only_the_reserved_concurrency_succeeds():
    deploy(ReservedConcurrency=5)
    reserved = boto3.client("lambda").get_function_concurrency(FunctionName=output("FunctionName"))
    assert reserved["ReservedConcurrentExecutions"] == 5
    assert client().create_meeting()["Meeting"]


def test_the_endpoint_can_be_drained_and_reopened_as_in_the_runbook():
    # The alarm fires because the drained endpoint rejects requests.
    with server_errors_alarm_firing():
        deploy(ReservedConcurrency=0)
        assert_rejected(client(), 429)
        deploy(ReservedConcurrency="", Deployment="AllAtOnce")
        assert client().create_meeting()["Meeting"]


def test_an_update_rolled_back_by_an_alarm_can_be_redeployed():
    with server_errors_alarm_firing():
        gradual = sam(*deployment(MediaDomain="update.test", Deployment="Canary10Percent5Minutes"))
        assert gradual.returncode == 1
        assert describe_stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert "update.test" not in str(client().create_meeting()["Meeting"])

        deploy(MediaDomain="update.test", Deployment="AllAtOnce")
        assert "update.test" in str(client().create_meeting()["Meeting"])


def another_build(release, directory):
    """A copy of an unpacked release, whose program has other bytes."""
    copy = shutil.copytree(release, directory / "another")
    with zipfile.ZipFile(copy / "function.zip") as archive:
        [entry] = archive.infolist()
        program = archive.read(entry)
    with zipfile.ZipFile(copy / "function.zip", "w") as archive:
        archive.writestr(entry, program + b"another build")
    return copy


def test_another_release_can_be_deployed_and_rolled_back_as_in_the_runbook(unpacked, tmp_path, monkeypatch):
    def deployed():
        return boto3.client("lambda").get_function(FunctionName=output("FunctionName"), Qualifier="live")[
            "Configuration"
        ]["CodeSha256"]

    def create(token):
        return client().create_meeting(ClientRequestToken=token)["Meeting"]

    before, meeting = deployed(), create("before")
    monkeypatch.chdir(another_build(unpacked, tmp_path))
    deploy(MediaDomain="another.test")
    assert deployed() != before
    assert create("before") == meeting
    later = create("later")
    assert "another.test" in str(later)

    monkeypatch.chdir(unpacked)
    deploy(Deployment="AllAtOnce")
    assert deployed() == before
    assert (create("before"), create("later")) == (meeting, later)


def test_a_domain_of_ones_own_leads_to_the_api_without_a_stage():
    domain = "meetings.example.com"
    certificate = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
    deploy(DomainName=domain, CertificateArn=certificate)
    assert output("EndpointUrl") == f"https://{domain}"
    meeting = client(domain=domain).create_meeting(ClientRequestToken="domain")["Meeting"]
    assert client().create_meeting(ClientRequestToken="domain")["Meeting"] == meeting
    assert_rejected(client(config=Config(signature_version=UNSIGNED), domain=domain), 403)

    deploy(DomainName="", CertificateArn="")
    assert client().create_meeting(ClientRequestToken="domain")["Meeting"] == meeting


def test_authorization_can_be_changed():
    deploy(Authorization="NONE")
    assert anonymous().create_meeting()["Meeting"]

    deploy(Authorization="API_KEY")
    api_key = boto3.client("apigateway").get_api_key(apiKey=output("ApiKeyId"), includeValue=True)["value"]
    assert anonymous(api_key).create_meeting()["Meeting"]
    assert_rejected(anonymous("wrong"), 403)
    assert_rejected(anonymous(), 403)

    deploy(Authorization="AWS_IAM")
    assert client().create_meeting()["Meeting"]
    assert_rejected(anonymous(), 403)


def test_notifications_are_sent_once_for_each_meeting_after_they_are_enabled():
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="meetings")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:meetings"
    deploy(Notifications="Enabled", NotificationTargetArns=queue_arn, MediaPlane="chime-sdk-meetings")
    chime = client()
    request = {"ClientRequestToken": "notified", "NotificationsConfiguration": {"SqsQueueArn": queue_arn}}
    first = chime.create_meeting(**request)["Meeting"]["MeetingId"]
    # The marks that follow write its items again.
    chime.delete_meeting(MeetingId=first)
    second = chime.create_meeting(**request)["Meeting"]["MeetingId"]

    notified = []

    def are_both_notified():
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            detail = json.loads(message["Body"])["detail"]
            assert detail["eventType"] == "chime:MeetingStarted"
            notified.append(detail["meetingId"])
        return {first, second} <= {*notified}

    wait_until(are_both_notified)
    assert len(notified) == 2

    deploy(Notifications="Disabled", MediaPlane="templates")
    assert client().create_meeting()["Meeting"]


def tables():
    return boto3.client("dynamodb").list_tables()["TableNames"]


def test_a_stack_can_be_deleted_with_its_table():
    before = tables()
    temporary = ["--stack-name", "temporary"]
    assert_sam_succeeds(*deployment(TableDeletionPolicy="Delete", TableDeletionProtection="false"), *temporary)
    assert len(tables()) == len(before) + 1
    assert_sam_succeeds("delete", "--no-prompts", *temporary)
    assert tables() == before


def test_by_default_the_table_outlives_its_stack():
    table, api = output("TableName"), client()
    assert_sam_succeeds("delete", "--no-prompts")
    with pytest.raises(ClientError, match="does not exist"):
        describe_stack()
    assert_rejected(api, 404)
    assert boto3.client("dynamodb").scan(TableName=table)["Items"]

"""The stack, as `sam deploy` creates, updates and deletes it in an emulator of AWS (`emulator.py`).

`make test-deploy` runs it. Each test updates the stack that the previous tests left behind.
"""

import contextlib
import json
import os
import subprocess
import time

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.serving import PATIENCE, ROOT, serving

SAM = ROOT / ".venv/bin/sam"
MINISTACK_PYTHON = ROOT / ".venv/tools/ministack/bin/python"
LOCAL_AWS = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/local-aws"
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


@pytest.fixture(scope="module", autouse=True)
def stack(tmp_path_factory):
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
            deploy()
            yield


def sam(*arguments):
    return subprocess.run(
        [SAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


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


def client(api_key=None, config=Config(), **credentials):
    """The README's client, except that it does not retry."""
    endpoint = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{output('ApiId')}/Prod"
    config = config.merge(Config(retries={"total_max_attempts": 1}))

    def sign_for_api_gateway(request, **_):
        request.context.setdefault("signing", {})["signing_name"] = "execute-api"
        if api_key:
            request.headers["x-api-key"] = api_key

    chime = boto3.client("chime", endpoint_url=endpoint, config=config, **credentials)
    chime.meta.events.register("before-sign.chime", sign_for_api_gateway)
    return chime


def anonymous(api_key=None):
    return client(api_key, Config(signature_version=UNSIGNED))


def assert_rejected(chime, status):
    with pytest.raises(ClientError) as raised:
        chime.create_meeting()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def invoke_as(account):
    """The function's status code for a caller whom API Gateway has identified as belonging to this account."""
    event = json.loads((ROOT / "events/create-meeting.json").read_text())
    event["requestContext"]["identity"]["accountId"] = account
    response = boto3.client("lambda").invoke(
        FunctionName=output("FunctionName"), Qualifier="live", Payload=json.dumps(event)
    )
    return json.load(response["Payload"])["statusCode"]


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
    chime.delete_meeting(**meeting)
    with pytest.raises(chime.exceptions.NotFoundException, match="The meeting has ended"):
        chime.get_meeting(**meeting)


def test_an_unsupported_operation_is_rejected_with_the_reason():
    chime = client()
    with pytest.raises(chime.exceptions.BadRequestException, match="does not support ListMeetings. The Amazon"):
        chime.list_meetings()
    meeting = {"MeetingId": chime.create_meeting()["Meeting"]["MeetingId"]}
    attendee = {"AttendeeId": chime.create_attendee(**meeting, ExternalUserId="anna")["Attendee"]["AttendeeId"]}
    with pytest.raises(chime.exceptions.BadRequestException, match="ListAttendeeTags. The attendees"):
        chime.list_attendee_tags(**meeting, **attendee)


def test_the_chime_sdk_media_plane_allows_only_one_account():
    completed = sam(*deployment(AllowedAccountIds=f"{ACCOUNT},{STRANGER}"))
    assert completed.returncode == 1
    assert "key 'SeveralAllowedAccounts' in map 'Callers'" in completed.stderr, completed.stderr
    assert describe_stack()["StackStatus"] == "CREATE_COMPLETE"


def test_the_media_plane_can_be_changed():
    deploy(MediaPlane="templates")
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
    assert [invoke_as(ACCOUNT), invoke_as(STRANGER)] == [201, 403]
    deploy(AllowedAccountIds=STRANGER)
    assert [invoke_as(ACCOUNT), invoke_as(STRANGER)] == [403, 201]
    deploy(AllowedAccountIds="")
    assert [invoke_as(ACCOUNT), invoke_as(STRANGER)] == [201, 403]


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


def test_notifications_are_sent_after_they_are_enabled():
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="meetings")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:meetings"
    deploy(Notifications="Enabled", NotificationTargetArns=queue_arn)
    meeting = client().create_meeting(NotificationsConfiguration={"SqsQueueArn": queue_arn})["Meeting"]

    messages, deadline = [], time.monotonic() + PATIENCE
    while not messages:
        assert time.monotonic() < deadline
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
    message = json.loads(messages[0]["Body"])
    assert message["detail"]["eventType"] == "chime:MeetingStarted"
    assert message["detail"]["meetingId"] == meeting["MeetingId"]

    deploy(Notifications="Disabled")
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

"""The runbook's commands for the table, run beside an embedded DynamoDB with the tables TABLE and RESTORED.

`make test` runs it.
"""

import json
import os
import re
import subprocess
import time

import boto3
import pytest

from helpers.serving import PATIENCE, ROOT

LOCAL_AWS = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/local-aws"
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
MEETING = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
LATER = {"N": str(int(time.time()) + 3600)}


@pytest.fixture
def dynamodb(tmp_path, monkeypatch):
    """A client. The environment leads other clients to the same tables."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MEETINGS_TABLE", "TABLE")
    command = [LOCAL_AWS, "--dynamodb", tmp_path / "meetings.db", "sh", "-c", "echo $AWS_ENDPOINT_URL_DYNAMODB; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", process.stdout.readline().strip())
        client = boto3.client("dynamodb")
        table = client.describe_table(TableName="TABLE")["Table"]
        attributes = [it for it in table["AttributeDefinitions"] if it["AttributeName"] != "ListedUntil"]
        client.create_table(
            TableName="RESTORED", KeySchema=table["KeySchema"], AttributeDefinitions=attributes,
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def item(token, expires_at=LATER, **members):
    members = {name: {"S": value} for name, value in members.items()}
    return {"ClientRequestToken": {"S": token}, "AccountId": {"S": "111122223333"}, "ExpiresAt": expires_at, **members}


def owner(meeting, token):
    return item(f"#owner#{meeting}", MeetingToken=token)


def put(dynamodb, table, *items):
    for it in items:
        dynamodb.put_item(TableName=table, Item=it)


def run(command):
    """Runs a command of the runbook, which begins like this."""
    [block] = [block for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL) if block.startswith(command)]
    path = f"{ROOT}/.venv/chime-sdk/bin:{os.environ['PATH']}"
    completed = subprocess.run(
        block, shell=True, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_restore_copies_what_is_lost_with_owners_and_without_counters(dynamodb):
    lost, its_owner = item("lost", MeetingId="lost"), owner("lost", "lost")
    reused, old_owner = item("reused", MeetingId="newer"), owner("older", "reused")
    ended = {**item("ended", MeetingId="ended"), "EndedAt": LATER}
    counter = {**item("#meetings#111122223333#2026-11-22"), "MeetingsCreated": {"N": "2"}}
    expired = item("expired", {"N": "1795342523"}, MeetingId="expired")
    put(dynamodb, "RESTORED", lost, its_owner, item("reused", MeetingId="older"), old_owner)
    put(dynamodb, "RESTORED", item("ended", MeetingId="ended"), counter, expired)
    put(dynamodb, "TABLE", reused, ended)

    output = run("make restore")

    items = {it["ClientRequestToken"]["S"]: it for it in dynamodb.scan(TableName="TABLE")["Items"]}
    expected = [lost, its_owner, reused, old_owner, ended]
    assert items == {it["ClientRequestToken"]["S"]: it for it in expected}
    assert output.splitlines()[:2] == ["owners: 2 copied", "meetings: 1 copied, 2 left as they are"]


def test_the_owner_of_a_meeting_is_found_by_its_id(dynamodb):
    put(dynamodb, "TABLE", owner(MEETING, "token"), owner("another", "another"))
    assert json.loads(run("aws dynamodb query"))["Items"] == [owner(MEETING, "token")]

"""`local-aws`, which runs a command beside an embedded DynamoDB, a local Chime SDK, or both.

`make test` runs it, in the environment of test_chime_sdk.py.
"""

import os
import re
import signal
import subprocess
import sys

import pytest

from helpers.serving import PATIENCE
from test_chime_sdk import AWS, ENDPOINT, LOCAL_AWS, UNKNOWN_ID

DYNAMODB_ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
USAGE = "usage: local-aws [--for-containers] [--dynamodb DATABASE] [--chime-sdk] COMMAND [ARGUMENT...]\n"


def run(*arguments, **variables):
    return subprocess.run(
        [LOCAL_AWS, *arguments], env=os.environ | AWS | variables, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )


def test_it_returns_the_exit_code_of_the_command():
    assert run("--chime-sdk", "sh", "-c", "exit 3").returncode == 3


@pytest.mark.parametrize(("arguments", "error"), [
    ([], "the command is missing"),
    (["--chime-sdk"], "the command is missing"),
    (["--dynamodb"], "the command is missing"),
    (["true"], "--dynamodb, --chime-sdk or both are required"),
    (["--for-containers", "true"], "--dynamodb, --chime-sdk or both are required"),
    (["--chime-sdk", "--table", "true"], "unknown option --table"),
])
def test_it_reports_wrong_arguments(arguments, error):
    completed = run(*arguments)
    assert completed.returncode == 2
    assert completed.stderr == f"local-aws: {error}\n{USAGE}"


@pytest.mark.parametrize(("arguments", "error"), [
    (["--chime-sdk", "/no/such/command"], "/no/such/command: "),
    (["--dynamodb", "/no/such/folder/meetings.db", "true"], "/no/such/folder/meetings.db: "),
])
def test_it_reports_what_it_cannot_start(arguments, error):
    completed = run(*arguments)
    assert completed.returncode == 1
    assert completed.stderr.startswith(f"local-aws: {error}")


@pytest.mark.parametrize(("option", "host"), [([], "127.0.0.1"), (["--for-containers"], "host.docker.internal")])
def test_a_command_finds_both_services(option, host, tmp_path):
    command = f"printenv {DYNAMODB_ENDPOINT} {ENDPOINT} MEETINGS_TABLE; exit 3"
    completed = run(*option, "--dynamodb", tmp_path / "meetings.db", "--chime-sdk", "sh", "-c", command)
    assert completed.returncode == 3, completed.stderr
    dynamodb, chime_sdk, table = completed.stdout.splitlines()
    assert re.fullmatch(rf"http://{re.escape(host)}:[0-9]+", dynamodb)
    assert re.fullmatch(rf"http://{re.escape(host)}:[0-9]+", chime_sdk)
    assert dynamodb != chime_sdk
    assert table == "Meetings"


def test_a_command_gets_only_the_service_that_it_needs(tmp_path):
    assert run("--chime-sdk", "printenv", DYNAMODB_ENDPOINT).returncode == 1
    assert run("--dynamodb", tmp_path / "meetings.db", "printenv", ENDPOINT).returncode == 1


def test_its_region_can_differ_from_the_region_of_the_function():
    command = f"import boto3; boto3.client('chime-sdk-meetings', 'us-west-2').get_meeting(MeetingId='{UNKNOWN_ID}')"
    completed = run("--chime-sdk", sys.executable, "-c", command, MEDIA_CONTROL_REGION="us-west-2")
    assert "NotFoundException" in completed.stderr


def test_it_forwards_sigterm_to_the_command():
    command = 'trap "echo terminated; exit 4" TERM; echo started; while :; do sleep 0.1; done'
    with subprocess.Popen(
        [LOCAL_AWS, "--chime-sdk", "sh", "-c", command], stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:
        try:
            assert process.stdout.readline() == "started\n"
            process.terminate()
            assert process.communicate(timeout=PATIENCE)[0] == "terminated\n"
            assert process.returncode == 4
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise

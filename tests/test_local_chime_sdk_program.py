"""The local Chime SDK as a program that runs a command.

`make test` runs it, in the environment of test_local_chime_sdk.py.
"""

import os
import re
import signal
import subprocess
import sys

from serving import PATIENCE
from test_local_chime_sdk import AWS, ENDPOINT, LOCAL_CHIME_SDK, UNKNOWN_ID


def run(*command, **variables):
    return subprocess.run(
        command, env=os.environ | AWS | variables, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )


def test_it_returns_the_exit_code_of_the_command():
    assert run(LOCAL_CHIME_SDK, "sh", "-c", "exit 3").returncode == 3


def test_it_reports_a_missing_command():
    completed = run(LOCAL_CHIME_SDK)
    assert completed.returncode == 2
    assert completed.stderr == "usage: local-chime-sdk [--for-containers] COMMAND [ARGUMENT...]\n"
    completed = run(LOCAL_CHIME_SDK, "/no/such/command")
    assert completed.returncode == 1
    assert completed.stderr.startswith("local-chime-sdk: /no/such/command: ")


def test_containers_reach_it_at_host_docker_internal():
    completed = run(LOCAL_CHIME_SDK, "--for-containers", "printenv", ENDPOINT)
    assert re.fullmatch(r"http://host\.docker\.internal:[0-9]+\n", completed.stdout)


def test_its_region_can_differ_from_the_region_of_the_function():
    command = f"import boto3; boto3.client('chime-sdk-meetings', 'us-west-2').get_meeting(MeetingId='{UNKNOWN_ID}')"
    completed = run(LOCAL_CHIME_SDK, sys.executable, "-c", command, MEDIA_CONTROL_REGION="us-west-2")
    assert "NotFoundException" in completed.stderr


def test_it_forwards_sigterm_to_the_command():
    command = 'trap "echo terminated; exit 4" TERM; echo started; while :; do sleep 0.1; done'
    with subprocess.Popen(
        [LOCAL_CHIME_SDK, "sh", "-c", command], stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:
        try:
            assert process.stdout.readline() == "started\n"
            process.terminate()
            assert process.communicate(timeout=PATIENCE)[0] == "terminated\n"
            assert process.returncode == 4
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def test_it_runs_alongside_local_dynamodb(tmp_path):
    completed = run(
        LOCAL_CHIME_SDK.parent / "local-dynamodb", tmp_path / "meetings.db", LOCAL_CHIME_SDK,
        "sh", "-c", f"printenv AWS_ENDPOINT_URL_DYNAMODB {ENDPOINT}; exit 3",
    )
    assert completed.returncode == 3, completed.stderr
    dynamodb, chime_sdk = completed.stdout.splitlines()
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", dynamodb)
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", chime_sdk)
    assert dynamodb != chime_sdk

"""`make run`, the client that the README shows, and the settings of other targets.

`make test` runs it, after it has built what `make run` serves.
"""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.request

import pytest

from helpers.serving import PATIENCE, ROOT, free_port, serving

MAKE = shutil.which("make")
MEETING_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def run(*command, cwd=ROOT, env=None, **variables):
    """Runs a command to its end, in this environment plus `variables`, or only in `env`."""
    with subprocess.Popen(
        command, cwd=cwd, env={**(os.environ if env is None else env), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def make(*arguments, **variables):
    return run(MAKE, *arguments, **variables)


@pytest.fixture
def stranger():
    """The port of a server that is unrelated to Lambda."""
    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_run_reports_an_invalid_setting_and_does_not_start(tmp_path):
    completed = make(
        "run", f"PORT={free_port()}", f"DATABASE={tmp_path}/meetings.db", MEETING_LIFETIME_SECONDS="0",
    )
    assert completed.returncode != 0
    assert "startup failed: MEETING_LIFETIME_SECONDS" in completed.stderr
    assert "http://" not in completed.stdout


@pytest.mark.parametrize("target", ["run", "sam-local"])
def test_a_port_in_use_is_reported(target, stranger, tmp_path):
    # These prerequisites run before the port is checked, take long and need Docker.
    arguments = [target, f"PORT={stranger}", f"DATABASE={tmp_path}/meetings.db"]
    completed = make(*arguments, "--old-file=need-docker", "--old-file=sam-build")
    assert completed.returncode != 0
    assert f"Port {stranger} is already in use or invalid." in completed.stderr


@pytest.mark.parametrize("target", ["run", "sam-local", "test"])
def test_a_missing_python_is_reported(target, tmp_path):
    """Python is neither on the PATH nor in a virtual environment."""
    completed = make(target, f"VENV={tmp_path}", PATH=str(tmp_path))
    assert completed.returncode != 0
    assert "Python 3.11 or later must be on the PATH as python3." in completed.stderr
    assert "Port" not in completed.stderr


@pytest.mark.parametrize(("target", "variable"), [
    ("run", "PORT"), ("run", "DATABASE"), ("sam-local", "PORT"), ("sam-local", "DATABASE"),
    ("sam-build", "ARCHITECTURE"), ("fuzz", "SECONDS"), ("smoke", "ENDPOINT"), ("restore", "FROM"), ("restore", "TO"),
])
def test_variables_come_only_from_the_command_line(target, variable):
    assert "a-value" in make("--dry-run", target, f"{variable}=a-value").stdout
    completed = make("--dry-run", target, **{variable: "a-value"})
    assert completed.returncode == 0
    assert "a-value" not in completed.stdout


OPERATIONS = ["attendee", "get", "list", "delete"]


@pytest.mark.parametrize(("media_plane", "outcome"), [("chime-sdk-meetings", "passed"), ("templates", "skipped")])
def test_smoke_passes_and_skips_unsupported_operations(media_plane, outcome, tmp_path):
    command = [MAKE, "run", "PORT={port}", f"DATABASE={tmp_path}/meetings.db"]
    with serving(command, tmp_path / "make.log", MEDIA_PLANE=media_plane) as endpoint:
        completed = make("smoke", f"ENDPOINT={endpoint}", AWS_EC2_METADATA_DISABLED="true")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    outcomes = {
        check: its for its, check in re.findall(r"^(passed|skipped) +(.+?):", completed.stdout, re.MULTILINE)
    }
    checks = ["create", "replay", "mismatch", "tags", *OPERATIONS, "create again"]
    assert outcomes == {**dict.fromkeys(checks, "passed"), **dict.fromkeys(OPERATIONS, outcome)}


def test_smoke_reports_that_nothing_is_listening():
    endpoint = f"http://127.0.0.1:{free_port()}"
    completed = make("smoke", f"ENDPOINT={endpoint}", AWS_EC2_METADATA_DISABLED="true")
    assert completed.returncode != 0
    assert f"No meeting was created at {endpoint}: Could not connect" in completed.stderr


def test_smoke_reports_that_another_server_is_listening(stranger):
    endpoint = f"http://127.0.0.1:{stranger}"
    completed = make("smoke", f"ENDPOINT={endpoint}", AWS_EC2_METADATA_DISABLED="true")
    assert completed.returncode != 0
    assert f"No meeting was created at {endpoint}: " in completed.stderr
    assert "Traceback" not in completed.stderr


def test_the_readme_client_works_without_aws_configuration(endpoint, tmp_path):
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    [client] = [block for block in blocks if "boto3==" in block]
    assert "http://127.0.0.1:9000" in client
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        # The packages have already been downloaded.
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(ROOT / ".venv/wheels"),
    }
    client = client.replace("http://127.0.0.1:9000", endpoint)
    completed = run("sh", "-ec", client, cwd=tmp_path, env=environment)
    assert completed.returncode == 0, completed.stderr
    meeting_id = completed.stdout.splitlines()[-1]
    assert re.fullmatch(MEETING_ID, meeting_id)

    # Like curl in the README.
    request = urllib.request.Request(
        f"{endpoint}/meetings", b'{"ClientRequestToken": "my-first-meeting"}',
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        assert json.load(response)["Meeting"]["MeetingId"] == meeting_id


def test_ci_needs_nothing_outside_the_repository(tmp_path):
    """In a directory that contains only the script, with a make that only prints its arguments."""
    script = tmp_path / "repository/.ci/run"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci/run", script)
    stub = tmp_path / "make"
    stub.write_text('#!/bin/sh\necho "$@"\n')
    stub.chmod(0o755)
    completed = run(script, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert completed.returncode == 0, completed.stderr
    assert "test-sam" in completed.stdout.splitlines()

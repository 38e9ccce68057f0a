"""The events in `events/`, sent to `make run` by `cargo lambda invoke`.

In tests/template/, `sam local invoke` sends them.

`make test` runs it.
"""

import json
import subprocess

import pytest

from helpers.events import STATUSES, assert_response
from helpers.serving import PATIENCE, ROOT


def test_the_documentation_lists_each_event():
    assert sorted(STATUSES) == sorted(path.stem for path in ROOT.glob("events/*.json"))


@pytest.mark.parametrize("event", STATUSES)
def test_an_event_gets_the_response_of_its_operation(event, endpoint):
    port = endpoint.rsplit(":", 1)[1]
    completed = subprocess.run(
        ["cargo-lambda", "lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", port,
         "--data-file", f"events/{event}.json", "create-meeting"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert_response(event, json.loads(completed.stdout))

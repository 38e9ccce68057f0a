"""What several test files share."""

import os

import pytest

from serving import serving

# A make that runs the tests passes its own command line on in these.
for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    """A `make run`."""
    directory = tmp_path_factory.mktemp("make-run")
    command = ["make", "run", "PORT={port}", f"DATABASE={directory}/meetings.db"]
    with serving(command, directory / "make.log") as endpoint:
        yield endpoint

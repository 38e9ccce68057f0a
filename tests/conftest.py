"""Shared by several test files."""

import os

import pytest

from helpers.serving import serving

# `make` passes its own command line to child processes in these variables.
for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    """The endpoint of a `make run`."""
    directory = tmp_path_factory.mktemp("make-run")
    command = ["make", "run", "PORT={port}", f"DATABASE={directory}/meetings.db"]
    with serving(command, directory / "make.log") as endpoint:
        yield endpoint

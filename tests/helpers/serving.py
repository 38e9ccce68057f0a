"""Runs commands that serve HTTP while a test needs them."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 120

# If a shell runs this in the background, SIGINT is ignored, and the commands started here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def serving(command, log, **settings):
    """Runs `command`, which serves at `{port}`, and yields the endpoint."""
    port = free_port()
    command = [part.format(port=port) for part in command]
    with open(log, "w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not accepts(port):
            assert process.poll() is None and time.monotonic() < deadline, Path(log).read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            # Like Ctrl-C.
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False

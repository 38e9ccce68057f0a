"""Measures the function with the share of a CPU that Lambda allocates to each memory size.

`make memory` runs it: the function as built by `sam build`, in containers with that memory and CPU share, and an
embedded DynamoDB on the same machine, without TLS. A deployed function is therefore slower. The result shows above
which size more memory no longer helps.
"""

import http.server
import json
import os
import queue
import statistics
import subprocess
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / ".aws-sam/build/CreateMeetingFunction"
IMAGE = "public.ecr.aws/lambda/provided:al2023-x86_64"
# "At 1,769 MB, a function has the equivalent of one vCPU": "Configure Lambda function memory" in
# Lambda's developer guide.
ONE_PROCESSOR = 1769
SIZES = (128, 192, 256, 384, 512, 1024, 1769)
INVOCATIONS = 500
PATIENCE = 60


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Lambda's side of its Runtime API, for one function."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("0.0.0.0", 0), Request)
        self.events = queue.Queue()
        self.answers = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def invoke(self, event):
        """Creates a meeting, and returns how many milliseconds it took."""
        event["body"] = json.dumps({"ClientRequestToken": str(uuid.uuid4())})
        started = time.perf_counter()
        self.events.put(json.dumps(event).encode())
        answer = json.loads(self.answers.get(timeout=PATIENCE))
        assert answer["statusCode"] == 201, answer
        return (time.perf_counter() - started) * 1000


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        event = self.server.events.get()
        self.send_response(200)
        self.send_header("lambda-runtime-aws-request-id", str(uuid.uuid4()))
        self.send_header("lambda-runtime-deadline-ms", str(int(time.time() * 1000) + 29_000))
        self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:111122223333:function:f")
        self.send_header("content-length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        self.server.answers.put(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def measure(size, event):
    """The durations of the first invocation and of the later ones, in milliseconds."""
    api = RuntimeApi()
    period = 20_000
    container = subprocess.run(
        ["docker", "run", "--detach", "--rm", f"--memory={size}m", f"--cpu-period={period}",
         f"--cpu-quota={period * size // ONE_PROCESSOR}", f"--volume={FUNCTION}:/var/task:ro",
         "--add-host=host.docker.internal:host-gateway", "--entrypoint=/var/task/bootstrap",
         f"--env=AWS_LAMBDA_RUNTIME_API=host.docker.internal:{api.server_port}", "--env=AWS_LAMBDA_FUNCTION_NAME=f",
         f"--env=AWS_LAMBDA_FUNCTION_MEMORY_SIZE={size}", "--env=AWS_LAMBDA_FUNCTION_VERSION=1",
         "--env=AWS_REGION", "--env=AWS_ACCESS_KEY_ID", "--env=AWS_SECRET_ACCESS_KEY",
         "--env=AWS_ENDPOINT_URL_DYNAMODB", "--env=MEETINGS_TABLE", IMAGE],
        check=True, capture_output=True, text=True,
    ).stdout.strip()
    try:
        return api.invoke(event), [api.invoke(event) for _ in range(INVOCATIONS)]
    finally:
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)


def main():
    event = json.loads((ROOT / "events/create-meeting.json").read_text())
    print("memory MB   first ms   median ms   p99 ms   GB-s per million")
    for size in SIZES:
        first, warm = measure(size, event)
        median = statistics.median(warm)
        p99 = statistics.quantiles(warm, n=100)[98]
        cost = size / 1024 * statistics.mean(warm) * 1000
        print(f"{size:9} {first:10.1f} {median:11.1f} {p99:8.1f} {cost:18.0f}", flush=True)


main()

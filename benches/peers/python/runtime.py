"""A Lambda runtime with only the standard library: installing awslambdaric requires a C++ toolchain."""

import http.client
import json
import os
import threading
import time
import traceback

from function import handler

INVOCATIONS = "/2018-06-01/runtime/invocation"


class Context:
    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "create-meeting")

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self._deadline_millis = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_millis - int(time.time() * 1000))


def poll():
    # It sets TCP_NODELAY itself.
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", f"{INVOCATIONS}/next")
        invocation = connection.getresponse()
        event, context = json.load(invocation), Context(invocation.headers)
        try:
            outcome, result = "response", handler(event, context)
        except Exception as error:
            traceback.print_exc()
            outcome, result = "error", {
                "errorType": type(error).__name__, "errorMessage": str(error)}
        path = f"{INVOCATIONS}/{context.aws_request_id}/{outcome}"
        connection.request("POST", path, json.dumps(result))
        connection.getresponse().read()


for _ in range(1, int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))):
    threading.Thread(target=poll, daemon=True).start()
poll()

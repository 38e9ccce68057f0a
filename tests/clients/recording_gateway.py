"""A stand-in for API Gateway, which records how requests are signed and passes them on."""

import contextlib
import http.client
import http.server
import re
import threading
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

STAGE = "/Prod"
CREDENTIALS = Credentials("AKIDEXAMPLE", "secret")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d+/(.+)/(.+)/aws4_request, SignedHeaders=(.+), Signature=(.+)"
)


def valid_scope(method, path, headers, body):
    """The scope of the signature, such as `us-east-1/chime`, or None if the signature is missing or invalid."""
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        return None
    region, service, signed, signature = found.groups()
    request = AWSRequest(method, f"http://{headers['host']}{path}", data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    for name in signed.split(";"):
        request.headers[name] = headers[name]
    signer = SigV4Auth(CREDENTIALS, service, region)
    string_to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    return f"{region}/{service}" if signer.signature(string_to_sign, request) == signature else None


class RecordingGateway:
    def __init__(self, endpoint):
        self.upstream = urlsplit(endpoint).netloc
        self.requests = []

    def take_requests(self):
        """The requests since the last call, each as a pair such as `POST /Prod/meetings` and `valid_scope`."""
        taken, self.requests = self.requests, []
        return taken

    def forward(self, method, path, headers, body):
        """Passes a request on, without the stage."""
        self.requests.append((f"{method} {path}", valid_scope(method, path, headers, body)))
        content_type = {"content-type": headers["content-type"]} if "content-type" in headers else {}
        connection = http.client.HTTPConnection(self.upstream)
        with contextlib.closing(connection):
            connection.request(method, path.removeprefix(STAGE), body, content_type)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()


@contextlib.contextmanager
def recording(endpoint):
    """Serves a gateway in front of `endpoint`, and yields it."""
    gateway = RecordingGateway(endpoint)

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_request(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, content = gateway.forward(self.command, self.path, self.headers, body)
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_DELETE = do_GET = do_POST = handle_request

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gateway.endpoint = f"http://127.0.0.1:{server.server_port}{STAGE}"
        yield gateway
        server.shutdown()

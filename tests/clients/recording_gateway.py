"""A stand-in for API Gateway, which records how requests are signed and passes them on."""

import contextlib
import http.client
import http.server
import re
import threading
from urllib.parse import urlsplit

STAGE = "/Prod"


class RecordingGateway:
    def __init__(self, endpoint):
        self.upstream = urlsplit(endpoint).netloc
        self.requests = []

    def take_requests(self):
        """The requests since the last call, each as a pair such as `POST /Prod/meetings` and the signature's scope."""
        taken, self.requests = self.requests, []
        return taken

    def forward(self, method, path, headers, body):
        """Passes a request on, without the stage."""
        scope = re.search(r"Credential=[^/]+/\d+/(.+?)/aws4_request", headers.get("authorization", ""))
        self.requests.append((f"{method} {path}", scope and scope[1]))
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

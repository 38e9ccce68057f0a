"""`make smoke` against a correct endpoint, and against endpoints with one flaw each.

`test_make.py` runs it against the function.
"""

import http.server
import json
import threading
import uuid

import pytest

import smoke

CHECKS = ["create", "replay", "mismatch", "tags", "attendee", "get", "list", "delete", "create again"]
# Not a flaw, but a setting.
REPLAYS = "replays reused tokens"


class Api(http.server.BaseHTTPRequestHandler):
    """An endpoint with all operations, as a client sees it, except for the server's `flaw`."""

    def respond(self, status, body=None, **headers):
        self.send_response(status)
        for name, value in {"x-amzn-requestid": str(uuid.uuid4()), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if body is not None:
            self.wfile.write(json.dumps(body).encode())

    def fail(self, status, name, message):
        self.respond(status, {"Code": name, "Message": message}, x_amzn_errortype=name)

    def is_routed(self, operation):
        if self.server.flaw == "unsupported":
            self.fail(400, "BadRequestException", f"This endpoint does not support {operation}.")
        elif self.server.flaw == "no route":
            self.fail(401, "UnauthorizedClientException", "rejected the request: MISSING_AUTHENTICATION_TOKEN.")
        return self.server.flaw not in ("unsupported", "no route")

    def do_POST(self):
        self.server.headers = self.headers
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/meetings":
            self.create(body)
        elif self.is_routed("CreateAttendee"):
            token = None if self.server.flaw == "attendee" else "join-token"
            user_id = body["ExternalUserId"]
            attendee = {"ExternalUserId": user_id, "AttendeeId": str(uuid.uuid4()), "JoinToken": token}
            self.respond(201, {"Attendee": attendee})

    def create(self, body):
        if self.server.flaw == "create":
            return self.respond(200, {"Meeting": None})
        if "Tags" in body:
            if self.server.flaw == "tags":
                return self.fail(500, "ServiceFailureException", "The service encountered an unexpected error.")
            return self.respond(201, {"Meeting": {"MeetingId": str(uuid.uuid4())}})
        meeting = self.server.meeting
        if meeting and meeting["ExternalMeetingId"] != body["ExternalMeetingId"] and self.server.flaw not in ("mismatch", REPLAYS):
            return self.fail(400, "BadRequestException", "different values for: ExternalMeetingId")
        if meeting and (meeting["MeetingId"] not in self.server.deleted or self.server.flaw == "create again"):
            replayed = {} if self.server.flaw == "replay" else {"idempotent_replayed": "true"}
            if self.server.flaw == "mismatch":
                meeting = {**meeting, "ExternalMeetingId": body["ExternalMeetingId"]}
            return self.respond(201, {"Meeting": meeting}, **replayed)
        placement = {"AudioHostUrl": "audio.test:3478", "SignalingUrl": "wss://signal.test"}
        self.server.meeting = {
            "MeetingId": str(uuid.uuid4()), "ExternalMeetingId": body["ExternalMeetingId"],
            "MediaRegion": "us-east-1", "MediaPlacement": placement,
        }
        return self.respond(201, {"Meeting": self.server.meeting})

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/meetings":
            if self.is_routed("ListMeetings"):
                meetings = [] if self.server.flaw == "list" else [self.server.meeting]
                pages = {"": {"Meetings": [], "NextToken": "2"}, "next-token=2": {"Meetings": meetings}}
                self.respond(200, pages[query])
        elif self.is_routed("GetMeeting"):
            meeting_id = self.path.split("/")[-1]
            is_current = meeting_id == self.server.meeting["MeetingId"]
            if meeting_id in self.server.deleted and self.server.flaw != ("delete" if is_current else "old meeting"):
                return self.fail(404, "NotFoundException", "The meeting has ended")
            region = {"MediaRegion": "eu-west-2"} if self.server.flaw == "get" else {}
            self.respond(200, {"Meeting": {**self.server.meeting, **region}})

    def do_DELETE(self):
        if self.is_routed("DeleteMeeting"):
            self.server.deleted.append(self.path.split("/")[-1])
            self.respond(204)


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with http.server.HTTPServer(("127.0.0.1", 0), Api) as server:
        server.flaw, server.meeting, server.deleted = None, None, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def outcomes(output):
    """The result of each check."""
    lines = (line.split(": ", 1)[0].split(maxsplit=1) for line in output.splitlines()[1:])
    return {check: outcome for outcome, check in lines}


def test_all_checks_pass(api, capsys):
    assert smoke.main(api.url, None) == 0
    output = capsys.readouterr().out
    assert outcomes(output) == dict.fromkeys(CHECKS, "passed"), output
    assert "join-token" not in output
    # The one with a tag, the deleted one and its replacement.
    assert len(set(api.deleted)) == 3


@pytest.mark.parametrize(("flaw", "check"), [
    *((check, check) for check in CHECKS[1:]),
    # It is found once its token has a new meeting.
    ("old meeting", "create again"),
])
def test_a_failed_check_is_reported(flaw, check, api, capsys):
    api.flaw = flaw
    assert smoke.main(api.url, None) == 1
    output = capsys.readouterr().out
    assert outcomes(output) == {**dict.fromkeys(CHECKS, "passed"), check: "FAILED"}, output


def test_an_endpoint_may_replay_reused_tokens(api, capsys):
    api.flaw = REPLAYS
    assert smoke.main(api.url, None) == 0
    assert "as with REUSED_TOKEN=replay" in capsys.readouterr().out


@pytest.mark.parametrize("flaw", ["unsupported", "no route"])
def test_checks_of_unsupported_operations_are_skipped(flaw, api, capsys):
    api.flaw = flaw
    assert smoke.main(api.url, None) == 0
    missing = dict.fromkeys(["attendee", "get", "list", "delete"], "skipped")
    output = capsys.readouterr().out
    assert outcomes(output) == {**dict.fromkeys(CHECKS, "passed"), **missing}, output
    assert "not supported by this endpoint" in output


def test_no_further_checks_run_if_no_meeting_is_created(api, capsys):
    api.flaw = "create"
    assert smoke.main(api.url, None) == 2
    output = capsys.readouterr()
    assert outcomes(output.out) == {}
    assert f"No meeting was created at {api.url}: expected a meeting with an ID" in output.err


def test_requests_are_signed_for_api_gateway_if_there_are_credentials(api, monkeypatch):
    assert smoke.main(api.url, None) == 0
    assert "authorization" not in api.headers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    api.meeting = None
    assert smoke.main(api.url, None) == 0
    assert "Credential=AKIDEXAMPLE/" in api.headers["authorization"]
    assert "/eu-west-2/execute-api/aws4_request," in api.headers["authorization"]


def test_an_api_key_is_sent(api):
    assert smoke.main(f"{api.url}/meetings/", "key") == 0
    assert api.headers["x-api-key"] == "key"
    assert "authorization" not in api.headers


@pytest.mark.parametrize(("endpoint", "region"), [
    ("https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/Prod", "eu-central-1"),
    ("https://chime.example.com/v1", "us-east-1"),
])
def test_the_signing_region_is_taken_from_the_endpoint(endpoint, region):
    assert smoke.signing_region(endpoint, "us-east-1") == region


@pytest.mark.parametrize("endpoint", ["", "chime.example.com", "ftp://chime.example.com"])
def test_an_endpoint_that_is_not_a_url_is_rejected(endpoint, capsys):
    assert smoke.main(endpoint, None) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"ENDPOINT must be an http or https URL, got {endpoint!r}.\nusage: make smoke")

"""Checks an endpoint against the README, and prints one line per check.

`make smoke` runs it with the endpoint as its argument, and a release contains it. It calls the endpoint like any program
with boto3, up to 1.37.1. If the environment variable API_KEY is set, it sends that key; otherwise it signs for API
Gateway if there are credentials.

The exit code is 0 if all checks passed, 1 if one failed, and 2 if no meeting could be created.
"""

import os
import re
import sys
import time
import uuid
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

USAGE = """usage: make smoke ENDPOINT=https://ID.execute-api.REGION.amazonaws.com/Prod [API_KEY=KEY]
   or: [API_KEY=KEY] python smoke.py https://ID.execute-api.REGION.amazonaws.com/Prod"""


class Broken(Exception):
    """The endpoint did not do what was expected."""


class NotSupported(Exception):
    """The endpoint does not have the operation."""


class NoMeeting(Exception):
    """Without a meeting, nothing else can be checked."""


def require(condition, expected):
    if not condition:
        raise Broken(f"expected {expected}")


def signing_region(endpoint, default):
    """The Region in the host name of an API Gateway endpoint. A custom domain name has none."""
    region = re.search(r"\.execute-api\.([a-z0-9-]+)\.", urlsplit(endpoint).hostname)
    return region[1] if region else default


class Endpoint:
    """The endpoint, called with boto3's Amazon Chime client."""

    def __init__(self, url, api_key):
        session = boto3.Session()
        region = signing_region(url, session.region_name or "us-east-1")
        signed = not api_key and session.get_credentials() is not None
        signature = f"signed for execute-api in {region}" if signed else "unsigned"
        self.authorization = "with an API key" if api_key else signature

        def before_sign(request, **_):
            request.context.setdefault("signing", {})["signing_name"] = "execute-api"
            if api_key:
                request.headers["x-api-key"] = api_key

        def after_call(http_response, **_):
            self.body = http_response.content

        # This mode also retries throttling. API Gateway's timeout is 29 seconds.
        config = Config(
            signature_version=None if signed else UNSIGNED, connect_timeout=5, read_timeout=30,
            retries={"mode": "legacy", "total_max_attempts": 3},
        )
        self.chime = session.client("chime", region, endpoint_url=url, config=config)
        self.chime.meta.events.register("before-sign.chime", before_sign)
        self.chime.meta.events.register("after-call.chime", after_call)
        self.body = None

    def call(self, method, **members):
        """Status, headers and result of an operation, by its method in boto3."""
        result = getattr(self.chime, method)(**members)
        metadata = result.pop("ResponseMetadata")
        return metadata["HTTPStatusCode"], metadata["HTTPHeaders"], result

    def call_if_supported(self, method, **members):
        try:
            return self.call(method, **members)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            is_unknown = code == "BadRequestException" and error.operation_name in message
            # API Gateway's response for a path without a route.
            if is_unknown or re.search("missing.authentication.token", message, re.IGNORECASE):
                raise NotSupported from error
            raise


class Smoke:
    """The checks, in the order in which they run."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        token = f"smoke-{uuid.uuid4()}"
        self.request = {"ClientRequestToken": token, "ExternalMeetingId": token}
        self.meeting = self.body = None
        self.deleted = False

    def create(self):
        status, headers, result = self.endpoint.call("create_meeting", **self.request)
        meeting = result.get("Meeting", {})
        placement = meeting.get("MediaPlacement", {})
        require(meeting.get("MeetingId"), f"a meeting with an ID, got status {status} without one")
        require(status == 201, f"status 201, got {status}")
        require(placement.get("AudioHostUrl") and placement.get("SignalingUrl"), "URLs for audio and signaling")
        require(meeting.get("ExternalMeetingId") == self.request["ExternalMeetingId"], "the ExternalMeetingId sent")
        require(headers.get("x-amzn-requestid"), "a request ID")
        self.meeting, self.body = meeting, self.endpoint.body
        return f"201, meeting {meeting['MeetingId']}, audio at {placement['AudioHostUrl']}"

    def replay(self):
        status, headers, _ = self.endpoint.call("create_meeting", **self.request)
        require(status == 201, f"status 201, got {status}")
        require(self.endpoint.body == self.body, "the same body, got a different one")
        require(headers.get("idempotent-replayed") == "true", "the header idempotent-replayed: true")
        return "201 with the same body and idempotent-replayed: true"

    def mismatch(self):
        try:
            _, headers, _ = self.endpoint.call("create_meeting", **{**self.request, "ExternalMeetingId": "another"})
        except self.endpoint.chime.exceptions.BadRequestException as error:
            message = error.response["Error"]["Message"]
            require("ExternalMeetingId" in message, f"a message that names ExternalMeetingId, got: {message}")
            return "400 BadRequestException that names ExternalMeetingId"
        is_replay = self.endpoint.body == self.body and headers.get("idempotent-replayed") == "true"
        require(is_replay, "400 BadRequestException, got another meeting")
        return "201 with the same meeting, as with REUSED_TOKEN=replay"

    def tags(self):
        token = f"smoke-{uuid.uuid4()}"
        tags = [{"Key": "smoke", "Value": "test"}]
        status, _, result = self.endpoint.call("create_meeting", ClientRequestToken=token, Tags=tags)
        require(status == 201, f"status 201, got {status}")
        try:
            self.endpoint.call_if_supported("delete_meeting", MeetingId=result["Meeting"]["MeetingId"])
        except NotSupported:
            pass
        return "201 for a meeting with a tag"

    def attendee(self):
        status, _, result = self.endpoint.call_if_supported("create_attendee", **self.id(), ExternalUserId="smoke-user")
        attendee = result.get("Attendee", {})
        require(status == 201, f"status 201, got {status}")
        require(attendee.get("AttendeeId") and attendee.get("JoinToken"), "an attendee with an ID and a join token")
        require(attendee.get("ExternalUserId") == "smoke-user", "the ExternalUserId sent")
        return f"201, attendee {attendee['AttendeeId']} with a join token"

    def get(self):
        status, _, result = self.endpoint.call_if_supported("get_meeting", **self.id())
        meeting = result.get("Meeting", {})
        require(status == 200, f"status 200, got {status}")
        for member in ("MeetingId", "ExternalMeetingId", "MediaRegion", "MediaPlacement"):
            require(meeting.get(member) == self.meeting[member], f"the same {member}")
        return "200 with the same meeting"

    def list(self):
        # The list follows the table with a delay.
        for _ in range(10):
            if self.meeting in self.listed():
                return "200 with the meeting"
            time.sleep(0.5)
        raise Broken("expected the meeting in the list")

    def listed(self):
        page = {}
        while True:
            status, _, page = self.endpoint.call_if_supported("list_meetings", **page)
            require(status == 200, f"status 200, got {status}")
            yield from page.pop("Meetings")
            if not page:
                return

    def delete(self):
        status, _, _ = self.endpoint.call_if_supported("delete_meeting", **self.id())
        require(status == 204, f"status 204, got {status}")
        self.deleted = True
        self.require_not_found()
        return "204, and then GetMeeting returns 404 NotFoundException"

    def create_again(self):
        status, _, result = self.endpoint.call("create_meeting", **self.request)
        require(status == 201, f"status 201, got {status}")
        meeting_id = result["Meeting"]["MeetingId"]
        is_new = meeting_id != self.meeting["MeetingId"]
        if not self.deleted:
            require(not is_new, "the same meeting, which was not deleted")
            return "201 with the same meeting, which was not deleted"
        require(is_new, "a new meeting, got the deleted one")
        self.require_not_found()
        self.endpoint.call("delete_meeting", MeetingId=meeting_id)
        return f"201 with a new meeting, {meeting_id} (also deleted), and GetMeeting returns 404 for the old one"

    def require_not_found(self):
        try:
            self.endpoint.call("get_meeting", **self.id())
        except self.endpoint.chime.exceptions.NotFoundException:
            return
        raise Broken("expected 404 NotFoundException from GetMeeting for the deleted meeting, got a meeting")

    def id(self):
        return {"MeetingId": self.meeting["MeetingId"]}

    def run(self):
        """Runs all checks, and returns whether all passed."""
        try:
            print(f"passed   create: {self.create()}", flush=True)
        except (Broken, BotoCoreError, ClientError) as error:
            raise NoMeeting(error) from error
        checks = (self.replay, self.mismatch, self.tags, self.attendee, self.get, self.list, self.delete, self.create_again)
        return all([self.passes(check) for check in checks])

    def passes(self, check):
        name = check.__name__.replace("_", " ")
        try:
            print(f"passed   {name}: {check()}", flush=True)
        except NotSupported:
            print(f"skipped  {name}: not supported by this endpoint", flush=True)
        except (Broken, BotoCoreError, ClientError) as error:
            print(f"FAILED   {name}: {error}", flush=True)
            return False
        return True


def main(url, api_key):
    url = url.rstrip("/").removesuffix("/meetings")
    if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", url):
        print(f"ENDPOINT must be an http or https URL, got {url!r}.\n{USAGE}", file=sys.stderr)
        return 2
    try:
        endpoint = Endpoint(url, api_key)
        print(f"Checking {url}, {endpoint.authorization}", flush=True)
        return 0 if Smoke(endpoint).run() else 1
    except NoMeeting as error:
        print(f"No meeting was created at {url}: {error}\nENDPOINT is the stack output EndpointUrl.", file=sys.stderr)
    except BotoCoreError as error:
        print(f"The AWS configuration cannot be used: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(next(iter(sys.argv[1:]), ""), os.environ.get("API_KEY")))

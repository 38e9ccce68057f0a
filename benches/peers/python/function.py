"""CreateMeeting with boto3, made idempotent by Powertools for AWS Lambda."""

import json
import os
import re
import uuid

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer, IdempotencyConfig, exceptions, idempotent_function)
from botocore.config import Config

PATTERNS = {
    "ClientRequestToken": r"[-_a-zA-Z0-9]{2,64}",
    "ExternalMeetingId": r".{2,64}",
    "MediaRegion": r"(af|ap|ca|eu|sa|us)-[a-z]+-[1-9]",
    "MeetingHostId": r".{2,64}",
}

# One connection per concurrent invocation.
connections = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
dynamodb = boto3.client(
    "dynamodb", config=Config(max_pool_connections=connections, tcp_keepalive=True))
store = DynamoDBPersistenceLayer(os.environ["IDEMPOTENCY_TABLE"], boto3_client=dynamodb)
idempotency = IdempotencyConfig(
    event_key_jmespath="ClientRequestToken", payload_validation_jmespath="@",
    expires_after_seconds=24 * 60 * 60)


class BadRequest(Exception):
    pass


def handler(event, context):
    idempotency.register_lambda_context(context)
    try:
        return reply(201, {"Meeting": create_meeting(request=parse(event["body"]))})
    except BadRequest as error:
        return reject(400, "BadRequest", str(error))
    except exceptions.IdempotencyValidationError:
        return reject(400, "BadRequest", "ClientRequestToken was used for another request")
    except exceptions.IdempotencyAlreadyInProgressError:
        return reject(503, "ServiceUnavailable", "The meeting is being created: try again")


def parse(body):
    try:
        # The default is filled in, so a request with it equals one that omits it.
        request = {"ClientRequestToken": "", "MediaRegion": "us-east-1"} | json.loads(body)
    except (TypeError, ValueError) as error:
        raise BadRequest("The body must be a JSON object") from error
    for name, pattern in PATTERNS.items():
        value = request.get(name)
        if name in request and not (isinstance(value, str) and re.fullmatch(pattern, value, re.S)):
            raise BadRequest(f"{name} must match {pattern}")
    tags = request.get("Tags", [])
    if not (isinstance(tags, list) and len(tags) <= 50):
        raise BadRequest("Tags must be an array of at most 50")
    return request


@idempotent_function(data_keyword_argument="request", persistence_store=store, config=idempotency)
def create_meeting(request):
    meeting_id, region = str(uuid.uuid4()), request["MediaRegion"]
    meeting = {"MeetingId": meeting_id, "MediaRegion": region,
               "MediaPlacement": media_placement(meeting_id, region)}
    if "ExternalMeetingId" in request:
        meeting["ExternalMeetingId"] = request["ExternalMeetingId"]
    return meeting


def media_placement(meeting_id, region):
    at = f"m1.{region}.media.example.com"
    screen = f"wss://bitpw.{at}:443/v2/screen/{meeting_id}"
    return {
        "AudioFallbackUrl": f"wss://haxrp.{at}:443/calls/{meeting_id}",
        "AudioHostUrl": f"{meeting_id.replace('-', '')}.k.{at}:3478",
        "EventIngestionUrl":
            f"https://data.svc.{region}.ingest.media.example.com/v1/client-events",
        "ScreenDataUrl": screen,
        "ScreenSharingUrl": screen,
        "ScreenViewingUrl": f"wss://bitpw.{at}:443/ws/connect?passcode=null&viewer_uuid=null"
                            f"&X-BitHub-Call-Id={meeting_id}",
        "SignalingUrl": f"wss://signal.{at}/control/{meeting_id}",
        "TurnControlUrl": f"https://ccp.cp.{region}.media.example.com/v2/turn_sessions",
    }


def reply(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"},
            "body": json.dumps(body)}


def reject(status, code, message):
    return reply(status, {"Code": code, "Message": message})

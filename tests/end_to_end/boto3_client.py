"""Calls create_meeting of boto3 for each line of JSON on standard input, which holds its arguments.

Answers each with a line of JSON: the meeting, or the typed exception's name and members.
Endpoint, credentials and all else come from the environment, as for any program with boto3.
"""

import json
import sys

import boto3

chime = boto3.client("chime")
exceptions = tuple(getattr(chime.exceptions, name) for name in (
    "BadRequestException", "ForbiddenException", "ResourceLimitExceededException",
    "ServiceFailureException", "ServiceUnavailableException", "ThrottledClientException",
    "UnauthorizedClientException",
))

for line in sys.stdin:
    arguments = json.loads(line)
    try:
        answer = chime.create_meeting(**arguments)["Meeting"]
    except exceptions as error:
        answer = {
            "Exception": type(error).__name__,
            "Code": error.response["Code"],
            "Message": error.response["Message"],
        }
    print(json.dumps(answer), flush=True)

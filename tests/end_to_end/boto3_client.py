"""Calls boto3's create_meeting with the arguments in each line of JSON on standard input.

Prints a line of JSON for each: the meeting, or the typed exception's name and members.
Endpoint, credentials and all other settings come from the environment, as in any boto3 program.
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

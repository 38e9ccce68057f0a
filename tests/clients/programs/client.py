"""Calls operations with boto3: see `test_programs.py`. All settings come from the environment."""

import json
import re
import sys

import boto3

chime = boto3.client("chime")


def call(operation, members):
    try:
        output = getattr(chime, re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())(**members)
    except chime.exceptions.ClientError as error:
        if type(error) is chime.exceptions.ClientError:
            raise
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"exception": type(error).__name__, "message": error.response["Message"], "status": status}
    return {"status": output.pop("ResponseMetadata")["HTTPStatusCode"], "output": output}


for line in sys.stdin:
    print(json.dumps(call(*json.loads(line))), flush=True)

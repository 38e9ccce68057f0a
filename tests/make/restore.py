"""Copies the unexpired items of a restored table that another table lacks, except for the counters of daily limits.

`make restore` runs it with the names of both tables as its arguments. It can be repeated.
"""

import collections
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

THREADS = 32
# A meeting that a token returns needs its owner, so owners come first.
FILTERS = {
    "owners": "attribute_exists(MeetingToken)",
    "meetings": "attribute_not_exists(MeetingToken) AND attribute_not_exists(MeetingsCreated)",
}


def main(source, target):
    if not source or not target:
        print("usage: make restore FROM=RESTORED TO=TABLE", file=sys.stderr)
        return 2
    dynamodb = boto3.client("dynamodb", config=Config(max_pool_connections=THREADS))

    def copy(item):
        """Puts an item, unless the target has one with its key."""
        condition = "attribute_not_exists(ClientRequestToken)"
        try:
            dynamodb.put_item(TableName=target, Item=item, ConditionExpression=condition)
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return "left as they are"
        return "copied"

    with ThreadPoolExecutor(THREADS) as threads:
        for kind, is_kind in FILTERS.items():
            outcomes = collections.Counter({"copied": 0})
            pages = dynamodb.get_paginator("scan").paginate(
                TableName=source, FilterExpression=f"{is_kind} AND ExpiresAt > :now",
                ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
            )
            for page in pages:
                outcomes.update(threads.map(copy, page["Items"]))
            print(f"{kind}:", ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    print("Tokens that are in neither table are free, even if they have been used.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Not all items were copied: {error}")

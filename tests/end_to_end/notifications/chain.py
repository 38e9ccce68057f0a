"""Processes the records of the meetings' stream like the pipe and the state machine in template.yaml, without AWS.

Its argument is JSON: the filters of the pipe, the definition of the state machine, and the runbook's filter for the
items to redeliver. moto matches the pipe's filters, executes the state machine, and provides the topics and queues, all
in the account 123456789012 in us-east-1. The queue "missing" is created too late. Each line of standard input says who
starts the executions, "pipe" or "operator", and has the endpoint of a DynamoDB with one stream. For each line, the
program prints a line of JSON: each record's kind and whether it passed, how each execution ended, and the messages in
each queue.
"""

import json
import logging
import os
import sys
import threading
import uuid

import boto3
from botocore.config import Config
from jsonata import Jsonata
from moto import mock_aws
from moto.events.models import EventPattern
from moto.stepfunctions.parser.asl.jsonata import jsonata

# moto does not include a JSONata evaluator. This is a port of the reference implementation.
jsonata._eval_jsonata = lambda expression: Jsonata(expression).evaluate(None)

# moto logs every error that a state machine catches.
logging.disable(logging.CRITICAL)


def read_stream(endpoint):
    """All records of the only stream, in the form in which a pipe gets them."""
    # The engine's shard IDs are shorter than AWS's.
    config = Config(parameter_validation=False)
    streams = boto3.client("dynamodbstreams", endpoint_url=endpoint, config=config)
    [stream] = streams.list_streams()["Streams"]
    [shard] = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while records := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
        for record in records:
            created = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
            record["dynamodb"]["ApproximateCreationDateTime"] = created
            yield record
        iterator = answer["NextShardIterator"]


def create_queue(name):
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def create_topic(name, subscriber):
    attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    topic = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{subscriber}",
        Attributes={"RawMessageDelivery": "true"},
    )


def execute(content):
    """Runs the state machine, and returns how the execution ended."""
    threads = set(threading.enumerate())
    # moto names an execution without a name "None".
    execution = sfn.start_execution(
        stateMachineArn=machine, name=str(uuid.uuid4()), input=json.dumps(content)
    )["executionArn"]
    # moto runs the execution in a thread.
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    ended = sfn.describe_execution(executionArn=execution)
    return [ended["status"], ended.get("cause")]


def messages(url):
    """Removes and returns the messages in a queue."""
    while received := sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield {
                "body": json.loads(message["Body"]),
                "id": message.get("MessageAttributes", {}).get("id", {}).get("StringValue"),
                "deduplication_id": message["Attributes"].get("MessageDeduplicationId"),
            }


def redeliverable(endpoint):
    """The items of all times that the runbook's command finds."""
    dynamodb = boto3.client("dynamodb", endpoint_url=endpoint)
    all_times = {":from": {"S": "2000"}, ":to": {"S": "3000"}}
    return dynamodb.scan(
        TableName="Meetings", FilterExpression=chain["redelivery"], ExpressionAttributeValues=all_times
    )["Items"]


def deliver(starter, endpoint):
    """Sends the records of a stream through the whole chain, and returns the results."""
    records = list(read_stream(endpoint))
    passed = [any(pattern.matches_event(record) for pattern in filters) for record in records]
    if starter == "pipe":
        inputs = [[record] for record, passes in zip(records, passed) if passes]
    else:
        inputs = [{"dynamodb": {"NewImage": item}} for item in redeliverable(endpoint)]
    executions = [execute(content) for content in inputs]
    received = {name: list(messages(url)) for name, url in queues.items()}

    # Once the missing queue exists, an operator redelivers the first dead letter.
    missing = create_queue("missing")
    for letter in received["dead-letters"][:1]:
        executions.append(execute(letter["body"]))
    received["missing"] = list(messages(missing))
    sqs.delete_queue(QueueUrl=missing)
    for url in queues.values():
        list(messages(url))

    records = [[record["eventName"], passes] for record, passes in zip(records, passed)]
    return {"records": records, "executions": executions, "queues": received}


chain = json.loads(sys.argv[1])
filters = [EventPattern.load(pattern) for pattern in chain["filters"]]

with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    sqs, sns, sfn = boto3.client("sqs"), boto3.client("sns"), boto3.client("stepfunctions")
    names = "queue", "queue.fifo", "subscriber", "subscriber.fifo", "dead-letters"
    queues = {name: create_queue(name) for name in names}
    create_topic("topic", "subscriber")
    create_topic("topic.fifo", "subscriber.fifo")
    machine = sfn.create_state_machine(
        name="notifications", type="EXPRESS", definition=chain["definition"],
        roleArn="arn:aws:iam::123456789012:role/notifications",
    )["stateMachineArn"]
    for line in sys.stdin:
        print(json.dumps(deliver(*line.split())), flush=True)
    # Without moto's cleanup, which would outlive the tests.
    os._exit(0)

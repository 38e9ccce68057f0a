"""What becomes of the records in the stream of the meetings' table: the chain of template.yaml, without AWS.

Its argument is JSON: the endpoint that has the stream, the filters of the pipe, and the definition
of the state machine. moto matches the filters, executes the state machine, and has the topics and queues, all
of the account 123456789012 in us-east-1; the queue "missing" comes too late. Writes each record's kind and
whether it passed, how each execution ended, and the messages in each queue.
"""

import json
import sys
import time
import uuid

import boto3
from botocore.config import Config
from jsonata import Jsonata
from moto import mock_aws
from moto.events.models import EventPattern
from moto.stepfunctions.parser.asl.jsonata import jsonata

# moto leaves it to a Java library to evaluate JSONata, and does not bring that along. This is a port of the same.
jsonata._eval_jsonata = lambda expression: Jsonata(expression).evaluate(None)

ACCOUNT = "arn:aws:{}:us-east-1:123456789012:{}"


def read_stream(endpoint):
    """All records in the one stream there is, in the form that a pipe gets them in."""
    # The engine's ids of shards are shorter than AWS's.
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


def create_queue(sqs, name):
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def create_topic(sns, name, subscriber):
    attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    topic = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=ACCOUNT.format("sqs", subscriber),
        Attributes={"RawMessageDelivery": "true"},
    )


def execute(sfn, machine, content):
    """Runs the state machine, and returns how that ended."""
    # Where an execution has no name, moto gives it the name None.
    execution = sfn.start_execution(
        stateMachineArn=machine, name=str(uuid.uuid4()), input=json.dumps(content)
    )["executionArn"]
    while (ended := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.02)
    return [ended["status"], ended.get("cause")]


def messages(sqs, url):
    """What is in a queue, which is taken out."""
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


chain = json.loads(sys.argv[1])
records = list(read_stream(chain["endpoint"]))
filters = [EventPattern.load(pattern) for pattern in chain["filters"]]
passed = [any(pattern.matches_event(record) for pattern in filters) for record in records]

with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    sqs, sns, sfn = boto3.client("sqs"), boto3.client("sns"), boto3.client("stepfunctions")
    names = "queue", "queue.fifo", "subscriber", "subscriber.fifo", "dead-letters"
    queues = {name: create_queue(sqs, name) for name in names}
    create_topic(sns, "topic", "subscriber")
    create_topic(sns, "topic.fifo", "subscriber.fifo")
    machine = sfn.create_state_machine(
        name="notifications", type="EXPRESS", definition=chain["definition"],
        roleArn="arn:aws:iam::123456789012:role/notifications",
    )["stateMachineArn"]
    executions = [execute(sfn, machine, [record]) for record, passes in zip(records, passed) if passes]
    received = {name: list(messages(sqs, url)) for name, url in queues.items()}

    # Once there is what was missing, an operator has the first dead letter delivered again.
    missing = create_queue(sqs, "missing")
    for letter in received["dead-letters"][:1]:
        executions.append(execute(sfn, machine, letter["body"]))
    received["missing"] = list(messages(sqs, missing))

    json.dump({
        "records": [[record["eventName"], passes] for record, passes in zip(records, passed)],
        "executions": executions,
        "queues": received,
    }, sys.stdout)

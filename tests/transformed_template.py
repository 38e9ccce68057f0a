"""What CloudFormation's transforms make of `template.yaml`.

It is run by `make check` with SAM's own Python, which has both transforms.
"""

import json
import re

from template import broken_rules, transform


def version(resources):
    return next(name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")


def prerequisites(resources, name):
    """The resources that CloudFormation creates before this one."""
    resource = json.dumps([resources[name].get(member) for member in ("DependsOn", "Properties")])
    direct = {other for other in resources if re.search(rf'"{other}"|\${{{other}\b', resource)}
    return direct.union(*(prerequisites(resources, other) for other in direct))


def definition(resources):
    return resources["Api"]["Properties"]["Body"]


def create_meeting(resources):
    return definition(resources)["paths"]["/meetings"]["post"]


resources = transform()

# The API has one method, which invokes the alias.
assert list(definition(resources)["paths"]) == ["/meetings"], definition(resources)
assert list(definition(resources)["paths"]["/meetings"]) == ["post"], definition(resources)
integration = create_meeting(resources)["x-amazon-apigateway-integration"]
assert integration["type"] == "aws_proxy", integration
assert "CreateMeetingFunctionAliaslive" in json.dumps(integration["uri"]), integration
assert "DEFAULT_5XX" in definition(resources)["x-amazon-apigateway-gateway-responses"]

# Whom it lets in is as the parameters say.
assert create_meeting(resources)["security"] == [{"iam": []}]
assert create_meeting(transform(Authorization="API_KEY"))["security"] == [{"api-key": []}]
assert "security" not in create_meeting(transform(Authorization="NONE"))
assert "x-amazon-apigateway-policy" not in definition(resources)
policy = definition(transform(AllowedAccountIds="111122223333,444455556666"))["x-amazon-apigateway-policy"]
assert policy["Statement"][0]["Principal"]["AWS"] == ["111122223333", "444455556666"], policy
assert resources["Api"]["Properties"]["Mode"] == "overwrite", resources["Api"]["Properties"]["Mode"]


def allowed_accounts(**parameters):
    function = transform(**parameters)["CreateMeetingFunction"]["Properties"]
    return function["Environment"]["Variables"]["ALLOWED_ACCOUNT_IDS"]


# The function lets in the same: whoever is named, or with an IAM identity the stack's own account.
assert allowed_accounts() == {"Ref": "AWS::AccountId"}, allowed_accounts()
assert allowed_accounts(AllowedAccountIds="111122223333,444455556666") == "111122223333,444455556666"
assert allowed_accounts(Authorization="API_KEY") == allowed_accounts(Authorization="NONE") == ""

# The usage plan waits for the stage by its name, and the stage for the account's role for its logs.
assert resources["UsagePlan"]["DependsOn"] == "ApiProdStage", resources["UsagePlan"]
assert "AccessLogGroup" in json.dumps(resources["ApiProdStage"]), resources["ApiProdStage"]
assert "ApiGatewayAccount" in json.dumps(resources["AccessLogGroup"]), resources["AccessLogGroup"]

# An access log entry is JSON, and has both IDs of the request.
entry = json.loads(resources["ApiProdStage"]["Properties"]["AccessLogSetting"]["Format"])
assert entry["requestId"] == "$context.requestId", entry
assert entry["extendedRequestId"] == "$context.extendedRequestId", entry



def content(resources):
    """What Lambda compares, in the account 111122223333, before it publishes a version."""
    not_in_a_version = "ReservedConcurrentExecutions", "Tags"
    properties = resources["CreateMeetingFunction"]["Properties"].items()
    compared = {name: value for name, value in properties if name not in not_in_a_version}
    return json.dumps(compared).replace('{"Ref": "AWS::AccountId"}', '"111122223333"')


# Whatever changes the function publishes a new version of it, which Lambda accepts.
for parameter, value in [
    ("Authorization", "NONE"),
    ("AllowedAccountIds", "444455556666"),
    ("AllowedAccountIds", "111122223333"),
    ("DailyMeetingLimit", "5"),
    ("MeetingLifetimeSeconds", "60"),
    ("MediaDomain", "media.test"),
    ("MediaPlacement", "{}"),
    ("Architecture", "arm64"),
    ("MemorySize", 1024),
    ("Timeout", "9"),
    ("LogLevel", "DEBUG"),
    ("ReservedConcurrency", "0"),
]:
    changed = transform(**{parameter: value})
    assert version(changed) != version(resources), parameter
    assert content(changed) != content(resources), parameter

# When an update is rolled back, its version goes, or Lambda would reject that content the next time.
assert resources[version(resources)]["DeletionPolicy"] == "Delete", resources[version(resources)]

# CodeDeploy has a part only in gradual deployments, and an update that drains the endpoint is none.
assert "CreateMeetingFunctionDeploymentGroup" in transform(ReservedConcurrency="1")
for at_once in {"Deployment": "AllAtOnce"}, {"ReservedConcurrency": "0"}:
    assert "CreateMeetingFunctionDeploymentGroup" not in transform(**at_once), at_once

# What keeps the meetings.
assert resources["MeetingsTable"]["DeletionPolicy"] == "Retain", resources["MeetingsTable"]
deleted = transform(TableDeletionPolicy="Delete")["MeetingsTable"]
assert deleted["DeletionPolicy"] == deleted["UpdateReplacePolicy"] == "Delete", deleted

# Without notifications nothing is made for them, and nothing else looks for it.
of_notifications = {name for name in resources if name.startswith("Notifications")}
assert len(of_notifications) == 6, of_notifications
for name, resource in resources.items():
    if name in of_notifications:
        assert resource["Condition"] == "HasNotifications", resource
    else:
        assert not any(used in json.dumps(resource) for used in of_notifications), resource
assert "StreamSpecification" not in resources["MeetingsTable"]["Properties"], resources["MeetingsTable"]

# With them, the pipe reads the stream of the table, and the alarm is on the dashboard.
notifying = transform(Notifications="Enabled")
stream = notifying["MeetingsTable"]["Properties"]["StreamSpecification"]
assert stream == {"StreamViewType": "NEW_IMAGE"}, stream
assert "${NotificationsAlarm.Arn}" in json.dumps(notifying["Dashboard"]), notifying["Dashboard"]
pipe = notifying["NotificationsPipe"]["Properties"]
assert pipe["Source"] == {"Fn::GetAtt": ["MeetingsTable", "StreamArn"]}, pipe
assert pipe["Target"] == {"Ref": "NotificationsStateMachine"}, pipe
invocation = pipe["TargetParameters"]["StepFunctionStateMachineParameters"]["InvocationType"]
assert invocation == "FIRE_AND_FORGET", pipe
statements = notifying["NotificationsPipeRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
starting = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": pipe["Target"]}
dead_letters = pipe["SourceParameters"]["DynamoDBStreamParameters"]["DeadLetterConfig"]["Arn"]
keeping = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead_letters}
assert starting in statements and keeping in statements, statements
assert keeping in notifying["NotificationsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]

# A new stream is not accessible at once, so the pipe comes long after the table, and after the API.
parts = "DeadLetterQueue", "Role", "StateMachine", "PipeRole", "Pipe"
chain = "MeetingsTable", *(f"Notifications{part}" for part in parts)
for earlier, later in zip(chain, chain[1:]):
    assert earlier in prerequisites(notifying, later), (earlier, later)
assert "ApiProdStage" in prerequisites(notifying, "NotificationsPipe")

# Messages are sent only to what is named.
named = ["arn:aws:sns:us-east-1:111122223333:m", "arn:aws:sqs:us-east-1:444455556666:m-*"]
role = transform(Notifications="Enabled", NotificationTargetArns=",".join(named))["NotificationsRole"]
sending = {"Effect": "Allow", "Action": ["sns:Publish", "sqs:SendMessage"], "Resource": named}
assert sending in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"], role

# Callers are let choose among targets only if these are named, and accounts only where callers are identified.
assert not broken_rules() and not broken_rules(Authorization="NONE")
assert broken_rules(Notifications="Enabled") == ["NotificationsNeedTargets"]
assert not broken_rules(Notifications="Enabled", NotificationTargetArns=named[0])
assert broken_rules(Authorization="NONE", AllowedAccountIds="111122223333") == ["AccountsNeedIdentity"]

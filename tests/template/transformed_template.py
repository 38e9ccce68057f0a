"""Checks the result of CloudFormation's transforms on `template.yaml`.

`make check` runs it with SAM's own Python, which has both transforms.
"""

import json
import re

import tomlkit
from samtranslator.yaml_helper import yaml_parse

from template import ROOT, broken_rules, is_met, resolve, transform


def version(resources):
    return next(name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")


def prerequisites(resources, name):
    """The resources that CloudFormation creates before this one."""
    resource = json.dumps([resources[name].get(member) for member in ("DependsOn", "Properties")])
    direct = {other for other in resources if re.search(rf'"{other}"|\${{{other}\b', resource)}
    return direct.union(*(prerequisites(resources, other) for other in direct))


def definition(resources):
    return resources["Api"]["Properties"]["Body"]


def methods(resources):
    """The API's methods, by path and name."""
    paths = definition(resources)["paths"].items()
    return {(path, name): method for path, path_methods in paths for name, method in path_methods.items()}


resources = transform()

# Callers reach the methods in openapi.yaml. tests/end_to_end/operation_table.rs compares the template's routes with the
# function's operations.
description = yaml_parse((ROOT / "openapi.yaml").read_text())
described = {
    (path.partition("#")[0], method)
    for path, path_methods in description["paths"].items()
    for method in path_methods.keys() - {"parameters"}
}
assert described <= methods(resources).keys(), described

# Each method invokes the alias, which the API has permission to do. The API is updated after the function's deployment.
alias = "CreateMeetingFunctionAliaslive"
assert resources[alias]["Properties"]["Name"] == "live", resources[alias]
for method in methods(resources).values():
    integration = method["x-amazon-apigateway-integration"]
    assert integration["type"] == "aws_proxy", integration
    assert "${CreateMeetingFunction.Arn}:live" in json.dumps(integration["uri"]), integration
permission = resources["ApiPermission"]["Properties"]
assert permission["FunctionName"] == {"Fn::Sub": "${CreateMeetingFunction}:live"}, permission
assert permission["SourceArn"]["Fn::Sub"].endswith("${Api}/*"), permission
assert alias in prerequisites(resources, "Api") <= prerequisites(resources, "ApiPermission")
assert "DEFAULT_5XX" in definition(resources)["x-amazon-apigateway-gateway-responses"]

# The parameters determine which callers the API accepts.
for method in methods(resources).values():
    assert method["security"] == [{"iam": []}], method
for method in methods(transform(Authorization="API_KEY")).values():
    assert method["security"] == [{"api-key": []}], method
for method in methods(transform(Authorization="NONE")).values():
    assert method["security"] == [{}], method
assert "x-amazon-apigateway-policy" not in definition(resources)
policy = definition(transform(AllowedAccountIds="111122223333,444455556666"))["x-amazon-apigateway-policy"]
assert policy["Statement"][0]["Principal"]["AWS"] == ["111122223333", "444455556666"], policy
assert policy["Statement"][0]["Resource"] == ["execute-api:/*/*/meetings*", "execute-api:/*/*/tags"], policy
assert resources["Api"]["Properties"]["Mode"] == "overwrite", resources["Api"]["Properties"]["Mode"]


def variables(**parameters):
    return transform(**parameters)["CreateMeetingFunction"]["Properties"]["Environment"]["Variables"]


def allowed_accounts(**parameters):
    return variables(**parameters)["ALLOWED_ACCOUNT_IDS"]


# The function accepts the same callers: the listed accounts, or with IAM authorization the stack's own account.
assert allowed_accounts() == {"Ref": "AWS::AccountId"}, allowed_accounts()
assert allowed_accounts(AllowedAccountIds="111122223333,444455556666") == "111122223333,444455556666"
assert allowed_accounts(Authorization="API_KEY") == allowed_accounts(Authorization="NONE") == ""

# The usage plan depends on the stage by its name, and the stage on the account's role for its logs.
assert resources["UsagePlan"]["DependsOn"] == "ApiProdStage", resources["UsagePlan"]
assert "AccessLogGroup" in json.dumps(resources["ApiProdStage"]), resources["ApiProdStage"]
assert "ApiGatewayAccount" in json.dumps(resources["AccessLogGroup"]), resources["AccessLogGroup"]

# Traces cost as much as everything else, so they are off by default.
def tracing(**parameters):
    transformed = transform(**parameters)
    function = transformed["CreateMeetingFunction"]["Properties"]["TracingConfig"]["Mode"]
    return function, transformed["ApiProdStage"]["Properties"]["TracingEnabled"]


assert tracing() == ("PassThrough", False), tracing()
assert tracing(Tracing="Enabled") == ("Active", True), tracing(Tracing="Enabled")

# An access log entry is JSON, and has both IDs of the request.
entry = json.loads(resources["ApiProdStage"]["Properties"]["AccessLogSetting"]["Format"])
assert entry["requestId"] == "$context.requestId", entry
assert entry["extendedRequestId"] == "$context.extendedRequestId", entry



def content(resources):
    """The properties that Lambda compares, in the account 111122223333, before it publishes a version."""
    not_in_a_version = "ReservedConcurrentExecutions", "Tags"
    properties = resources["CreateMeetingFunction"]["Properties"].items()
    compared = {name: value for name, value in properties if name not in not_in_a_version}
    return json.dumps(compared).replace('{"Ref": "AWS::AccountId"}', '"111122223333"')


# Every change of the function publishes a new version of it, which Lambda accepts.
for parameter, value in [
    ("Authorization", "NONE"),
    ("AllowedAccountIds", "444455556666"),
    ("AllowedAccountIds", "111122223333"),
    ("DailyMeetingLimit", "5"),
    ("MeetingLifetimeSeconds", "60"),
    ("ReusedToken", "replay"),
    ("MediaPlane", "chime-sdk-meetings"),
    ("MediaControlRegion", "eu-west-2"),
    ("MediaDomain", "media.test"),
    ("Architecture", "arm64"),
    ("MemorySize", 1024),
    ("Timeout", "9"),
    ("Notifications", "Enabled"),
    ("LogLevel", "DEBUG"),
    ("ReservedConcurrency", "0"),
]:
    changed = transform(**{parameter: value})
    assert version(changed) != version(resources), parameter
    assert content(changed) != content(resources), parameter

# A rolled-back update deletes its version. Otherwise Lambda would reject the same content the next time.
assert resources[version(resources)]["DeletionPolicy"] == "Delete", resources[version(resources)]

# CodeDeploy takes part only in gradual deployments. An update that drains the endpoint is not gradual.
assert "CreateMeetingFunctionDeploymentGroup" in transform(ReservedConcurrency="1")
for at_once in {"Deployment": "AllAtOnce"}, {"ReservedConcurrency": "0"}:
    assert "CreateMeetingFunctionDeploymentGroup" not in transform(**at_once), at_once

# By default, the table is retained when the stack is deleted.
assert resources["MeetingsTable"]["DeletionPolicy"] == "Retain", resources["MeetingsTable"]
deleted = transform(TableDeletionPolicy="Delete")["MeetingsTable"]
assert deleted["DeletionPolicy"] == deleted["UpdateReplacePolicy"] == "Delete", deleted



def assert_created_only_if(condition, prefix, count):
    """Asserts that without the condition, these resources do not exist and are not referenced."""
    conditional = {name for name in resources if name.startswith(prefix)}
    assert len(conditional) == count, conditional
    for name, resource in resources.items():
        if name in conditional:
            assert resource["Condition"] == condition, resource
        else:
            assert not any(used in json.dumps(resource) for used in conditional), resource


assert_created_only_if("HasNotifications", "Notifications", 6)
assert_created_only_if("HasChimeSdkMeetings", "Upstream", 2)
assert_created_only_if("HasMeetingEvents", "MeetingEnded", 2)
assert_created_only_if("HasDomain", "Domain", 2)
assert "StreamSpecification" not in resources["MeetingsTable"]["Properties"], resources["MeetingsTable"]

# With notifications, the pipe reads the table's stream, and the alarm is on the dashboard.
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

# A new stream is not accessible immediately, so the pipe is created long after the table, and after the API.
parts = "DeadLetterQueue", "Role", "StateMachine", "PipeRole", "Pipe"
chain = "MeetingsTable", *(f"Notifications{part}" for part in parts)
for earlier, later in zip(chain, chain[1:]):
    assert earlier in prerequisites(notifying, later), (earlier, later)
assert "ApiProdStage" in prerequisites(notifying, "NotificationsPipe")

# Messages are sent only to listed targets.
named = ["arn:aws:sns:us-east-1:111122223333:m", "arn:aws:sqs:us-east-1:444455556666:m-*"]
role = transform(Notifications="Enabled", NotificationTargetArns=",".join(named))["NotificationsRole"]
sending = {"Effect": "Allow", "Action": ["sns:Publish", "sqs:SendMessage"], "Resource": named}
assert sending in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"], role

# With the media plane templates, the function can only put items and update counters. With chime-sdk-meetings, it can
# also read items, query and mark them, and call the Amazon Chime SDK. The emulator of AWS ignores the conditions.
chime = {"MediaPlane": "chime-sdk-meetings"}


def policies(**parameters):
    role = transform(**parameters)["FunctionRole"]["Properties"]
    return {policy["PolicyName"]: policy["PolicyDocument"]["Statement"] for policy in role["Policies"]}


def with_leading_keys(prefix):
    return {"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [prefix]}}}


marked = ["ClientRequestToken", "AccountId", "MeetingId", "EndedAt", "CheckedAt", "ListedUntil"]
on_table = {"Effect": "Allow", "Resource": {"Fn::GetAtt": ["MeetingsTable", "Arn"]}}
arn = "arn:${AWS::Partition}:chime:%s:${AWS::AccountId}:meeting/*"
assert [*policies()] == ["create-meeting"], policies()
assert [statement for statement in policies()["create-meeting"] if "dynamodb" in str(statement)] == [
    {**on_table, "Action": "dynamodb:PutItem"},
    {**on_table, "Action": "dynamodb:UpdateItem", **with_leading_keys("#meetings#*")},
], policies()
assert policies(**chime)["create-meeting"] == policies()["create-meeting"]
assert policies(**chime)["chime-sdk-meetings"] == [
    {**on_table, "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem"]},
    {**on_table, "Action": "dynamodb:Query", **with_leading_keys("#owner#*")},
    {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": {"Fn::Sub": "${MeetingsTable.Arn}/index/Meetings"}},
    {
        **on_table,
        "Action": "dynamodb:UpdateItem",
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": marked}},
    },
    {"Effect": "Allow", "Action": "chime:CreateMeeting", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": ["chime:StartMeetingTranscription", "chime:StopMeetingTranscription"],
        "Resource": "*",
    },
    {
        "Effect": "Allow",
        "Action": [
            "chime:BatchCreateAttendee", "chime:CreateAttendee", "chime:DeleteAttendee", "chime:DeleteMeeting",
            "chime:GetAttendee", "chime:GetMeeting", "chime:ListAttendees", "chime:TagResource",
        ],
        "Resource": {"Fn::Sub": arn % "${AWS::Region}"},
    },
], policies(**chime)
elsewhere = policies(**chime, MediaControlRegion="eu-west-2")["chime-sdk-meetings"][-1]
assert elsewhere["Resource"] == {"Fn::Sub": arn % "eu-west-2"}, elsewhere
# It needs no templates.
assert variables()["MEDIA_DOMAIN"] == "media.example.com", variables()
upstream = variables(**chime)
assert upstream["MEDIA_DOMAIN"] == "", upstream
assert "UpstreamQuotaAlarm" in json.dumps(transform(**chime)["Dashboard"])

# Either the stack or the Amazon Chime SDK sends notifications, never both.
assert upstream["CHIME_SDK_NOTIFICATIONS"] == "true", upstream
assert variables(Notifications="Enabled", **chime)["CHIME_SDK_NOTIFICATIONS"] == "false"

# Several accounts may call, because each meeting has an owner.
assert allowed_accounts(AllowedAccountIds="111122223333,444455556666", **chime) == "111122223333,444455556666"

# The index contains the meetings of an account, in the order in which they expire.
properties = resources["MeetingsTable"]["Properties"]
[index] = properties["GlobalSecondaryIndexes"]
assert [key["AttributeName"] for key in index["KeySchema"]] == ["AccountId", "ListedUntil"], index
assert index["Projection"] == {"ProjectionType": "ALL"}, index
# A policy that names attributes must name all keys ("Using IAM policy conditions" in DynamoDB's developer guide).
assert {key["AttributeName"] for key in properties["AttributeDefinitions"]} <= {*marked}, properties

# EventBridge has the events about meetings in their control Region, so the rule exists only if that is the stack's.
assert not is_met("HasMeetingEvents")
assert is_met("HasMeetingEvents", **chime)
assert is_met("HasMeetingEvents", region="eu-west-2", MediaControlRegion="eu-west-2", **chime)
assert not is_met("HasMeetingEvents", MediaControlRegion="eu-west-2", **chime)
# It invokes the alias, which it has permission to do, once the function is deployed.
rule, permission = (resources[f"MeetingEnded{part}"]["Properties"] for part in ("Rule", "Permission"))
[target] = rule["Targets"]
assert target["Arn"] == {"Fn::Sub": "${CreateMeetingFunction.Arn}:live"}, rule
assert permission == {
    "Action": "lambda:InvokeFunction",
    "FunctionName": {"Fn::Sub": "${CreateMeetingFunction}:live"},
    "Principal": "events.amazonaws.com",
    "SourceArn": {"Fn::GetAtt": ["MeetingEndedRule", "Arn"]},
}, permission
assert alias in prerequisites(resources, "MeetingEndedRule")

# With a domain name, the endpoint is there, without a stage. API Gateway's own URL can be disabled.
domain = {"DomainName": "meetings.example.com", "CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1"}


def own_url_is_disabled(**parameters):
    [server] = definition(transform(**parameters))["servers"]
    return server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]


assert not own_url_is_disabled() and not own_url_is_disabled(**domain)
assert own_url_is_disabled(ExecuteApiEndpoint="Disabled", **domain)
mapping = resources["DomainMapping"]
assert mapping["DependsOn"] == "ApiProdStage" and "BasePath" not in mapping["Properties"], mapping
assert resources["Domain"]["Properties"]["SecurityPolicy"] == "TLS_1_2", resources["Domain"]
assert resolve(**domain)["Outputs"]["EndpointUrl"]["Value"] == "https://meetings.example.com"
assert broken_rules(DomainName="meetings.example.com") == ["DomainNeedsCertificate"]
assert broken_rules(ExecuteApiEndpoint="Disabled") == ["DisabledEndpointNeedsDomain"]
assert not broken_rules(**domain) and not broken_rules(ExecuteApiEndpoint="Disabled", **domain)

# Notifications require a list of targets, and a list of accounts requires that callers are identified.
assert not broken_rules() and not broken_rules(Authorization="NONE")
assert broken_rules(Notifications="Enabled") == ["NotificationsNeedTargets"]
assert not broken_rules(Notifications="Enabled", NotificationTargetArns=named[0])
assert broken_rules(Authorization="NONE", AllowedAccountIds="111122223333") == ["AccountsNeedIdentity"]

# The media plane needs a control Region. The stack's own Region is not always one.
assert not broken_rules(**chime) and not broken_rules(region="eu-west-3")
assert broken_rules(region="eu-west-3", **chime) == ["MediaPlaneNeedsControlRegion"]
assert not broken_rules(region="eu-west-3", MediaControlRegion="eu-west-2", **chime)
for lifetime in ("1", "42", "69"):
    assert not broken_rules(MeetingLifetimeSeconds=lifetime)
    assert broken_rules(MeetingLifetimeSeconds=lifetime, **chime) == ["ChimeSdkMeetingsNeedLifetime"], lifetime
assert not broken_rules(MeetingLifetimeSeconds="70", **chime)

# The template and openapi.yaml have the package's version.
package = tomlkit.parse((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
assert resolve()["Outputs"]["Version"]["Value"] == package["version"], package
assert description["info"]["version"] == package["version"], description["info"]

# `sam deploy` creates meetings that can be joined. `sam local` needs no AWS account; `sam local invoke` takes the events
# of all operations.
samconfig = tomlkit.parse((ROOT / "samconfig.toml").read_text())["default"]
overrides = {
    command: dict(override.split("=") for override in samconfig[command]["parameters"]["parameter_overrides"].split())
    for command in ("deploy", "local_start_api", "local_invoke")
}
deployed = overrides.pop("deploy")
assert deployed == {**chime, "Timeout": "10", "RateLimit": "10", "BurstLimit": "10"}, deployed
assert not broken_rules(**deployed)
assert variables(**deployed)["MEDIA_PLANE"] == "chime-sdk-meetings"
assert variables(**overrides["local_start_api"])["MEDIA_PLANE"] == "templates", overrides
assert variables(**overrides["local_invoke"])["MEDIA_PLANE"] == "chime-sdk-meetings", overrides

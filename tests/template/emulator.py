"""An emulator of AWS that `sam deploy` can deploy to: ministack, with stubs for what it lacks.

`test_deploy.py` runs it with ministack's own Python; its argument is the port to listen on. These are the stubs:

- `AWS::LanguageExtensions`: ministack keeps references to parameters, so a changed parameter would not publish a
  version of the function. SAM's implementation replaces them with values, as AWS documents it.
- `AWS::Lambda::Version`: Lambda publishes no version with the same code and configuration as the latest one, and
  CloudFormation then fails. ministack publishes a version after each update of the function.
- The Amazon Chime SDK: ministack has none. The function calls the local one, whose endpoint is in the same environment
  variable as for this program.
- `ReservedConcurrentExecutions`: ministack ignores it in templates, and for versions of a function.
- CodeDeploy: ministack has none. Here, a gradual deployment shifts all traffic at once, or fails if an alarm that
  guards it is firing.
- Alarms on metric math: ministack rejects them. Here, they are stored and never evaluated.
- Events: ministack, like AWS, accepts none in the name of AWS's services. Here, it does, because nothing else sends
  those of the Amazon Chime SDK.
- Pipes: ministack delivers all records of a stream, in batches of any size. Here, a pipe applies its filter and
  delivers one record at a time, which is the template's batch size.
- Filters: to ministack, a field exists neither way if the object around it is missing. To AWS, it does not exist.

There are more differences. ministack replaces the API, and so its ID, when its definition changes. The API's own URL
cannot be disabled. Callers from other accounts cannot reach the API. IAM conditions on keys and attributes of items have
no effect, and EventBridge invokes the function without permission; `transformed_template.py` checks both.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

port = sys.argv.pop()
os.environ.update(
    GATEWAY_PORT=port,
    BIND_HOST="127.0.0.1",
    MINISTACK_ACCOUNT_ID="111122223333",
    LAMBDA_EXECUTOR="local",
    # IAM policies are enforced.
    AUTH="true",
    # The function inherits both, because ministack sets neither an endpoint nor a log format for it.
    AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    AWS_LAMBDA_LOG_FORMAT="JSON",
)

# ministack reads the environment when it is imported.
from ministack import app
from ministack.services import cloudformation, cloudwatch, eventbridge, lambda_svc, pipes
from ministack.services.cloudformation import language_extensions, provisioners

CHIME_SDK = "AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS"
HERE = Path(__file__).parent
SAM_PYTHON = HERE.parents[1] / ".venv/tools/aws-sam-cli/bin/python"


def replace(module, name):
    """Replaces a function of ministack by a stub, whose first argument is the original."""

    def decorate(stub):
        setattr(module, name, functools.partial(stub, getattr(module, name)))

    return decorate


def replace_handler(resource_type, operation):
    """Does the same for CloudFormation's operation on a resource type."""

    def decorate(stub):
        handlers = provisioners._RESOURCE_HANDLERS[resource_type]
        handlers[operation] = functools.partial(stub, handlers[operation])

    return decorate


@replace(language_extensions, "apply")
def apply_language_extensions(_, template, parameters):
    command = [SAM_PYTHON, HERE / "language_extensions.py"]
    transform = subprocess.run(
        command, input=json.dumps([template, parameters]), capture_output=True, text=True, check=False
    )
    if transform.returncode:
        raise ValueError(transform.stderr.splitlines()[-1])
    return json.loads(transform.stdout)


def content(configuration):
    """The properties that Lambda compares before it publishes a version."""
    no_content = ("FunctionArn", "LastModified", "LastUpdateStatus", "RevisionId", "State", "Version")
    return {name: value for name, value in configuration.items() if not name.startswith(no_content)}


@replace_handler("AWS::Lambda::Version", "create")
def publish_version(original, logical_id, properties, stack):
    function = lambda_svc._functions[properties["FunctionName"]]
    latest = max(function["versions"], key=int, default=None)
    if latest and content(function["versions"][latest]["config"]) == content(function["config"]):
        raise ValueError(
            f"A version for this Lambda function exists ( {latest} ). Modify the function to create a new version."
        )
    return original(logical_id, properties, stack)


@replace_handler("AWS::Lambda::Function", "create")
def create_function(original, logical_id, properties, stack):
    name, attributes = original(logical_id, with_local_chime_sdk(properties), stack)
    reserve_concurrency(name, properties)
    return name, attributes


@replace_handler("AWS::Lambda::Function", "update")
def update_function(original, name, old, new, stack, logical_id):
    name, attributes = original(name, old, with_local_chime_sdk(new), stack, logical_id)
    reserve_concurrency(name, new)
    return name, attributes


def with_local_chime_sdk(properties):
    variables = {**properties["Environment"]["Variables"], CHIME_SDK: os.environ[CHIME_SDK]}
    return {**properties, "Environment": {"Variables": variables}}


def reserve_concurrency(name, properties):
    reserved = properties.get("ReservedConcurrentExecutions")
    lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)


@replace(lambda_svc, "_reserved_concurrency")
def reserved_concurrency(_, version, configuration):
    return lambda_svc._functions[configuration["FunctionName"]]["concurrency"]


def create_for_code_deploy(logical_id, properties, stack):
    return f"{stack}-{logical_id}", {}


for kind in "Application", "DeploymentGroup":
    provisioners._RESOURCE_HANDLERS[f"AWS::CodeDeploy::{kind}"] = {
        "create": create_for_code_deploy,
        "update": lambda name, old, new, stack: (name, {}),
        "delete": lambda name, properties: None,
    }


@replace_handler("AWS::Lambda::Alias", "update")
def update_alias(original, arn, old, new, stack, logical_id):
    template = next(
        change_set["_template"]["Resources"]
        for change_set in cloudformation._change_sets.values()
        if change_set["StackName"] == stack and change_set["ExecutionStatus"] == "EXECUTE_IN_PROGRESS"
    )
    match template[logical_id].get("UpdatePolicy"):
        case {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": group}}}:
            for alarm in template[group]["Properties"]["AlarmConfiguration"]["Alarms"]:
                name = cloudformation._stacks[stack]["_resources"][alarm["Name"]["Ref"]]["PhysicalResourceId"]
                if cloudwatch._alarms[name]["StateValue"] == "ALARM":
                    raise ValueError(f"CodeDeploy stopped the deployment because {name} is in ALARM.")
    return original(arn, old, new, stack, logical_id)


@replace(provisioners, "_cw_metric_alarm_record")
def alarm_record(original, name, properties):
    if "Metrics" in properties:
        properties = {**properties, "Metrics": None, "Namespace": "metric math", "MetricName": "metric math"}
    return original(name, properties)


@replace(eventbridge, "_put_events")
def put_events(original, data):
    return original(data, allow_aws_source=True)


@replace_handler("AWS::Pipes::Pipe", "create")
def create_pipe(original, logical_id, properties, stack):
    name, attributes = original(logical_id, properties, stack)
    pipes._pipes[name]["SourceParameters"] = properties["SourceParameters"]
    return name, attributes


@replace(pipes, "_deliver_batch")
def deliver_records(original, pipe, records):
    matching = lambda_svc._apply_filter_criteria(records, pipe["SourceParameters"])
    return all(original(pipe, [record]) for record in matching)


@replace(lambda_svc, "_match_esm_filter")
def match_filter(original, record, pattern):
    return original({**{name: {} for name, part in pattern.items() if isinstance(part, dict)}, **record}, pattern)


app.main()

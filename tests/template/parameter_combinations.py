"""Checks the stack with every combination of the parameters that affect each other, and with a domain.

`make test-deploy` runs it with SAM's own Python, which has the transforms and cfn-lint.
"""

import graphlib
import itertools
import json
import re

from cfnlint.api import ManualArgs, lint

from template import TEMPLATE, broken_rules, is_met, resolve, transform, with_defaults

REGION = "us-east-1"
# Nothing else depends on these parameters, so one combination with them is enough.
DOMAIN = {
    "CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
    "DomainName": "meetings.example.com",
    "ExecuteApiEndpoint": "Disabled",
}
# A value for each parameter without a short list of values.
ANY = {
    "AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:on-call",
    "AllowedAccountIds": "111122223333,444455556666",
    "NotificationTargetArns": "arn:aws:sns:us-east-1:111122223333:*,arn:aws:sqs:us-east-1:111122223333:meetings",
    "ReservedConcurrency": "5",
}


def comparisons(expression):
    """The parameters in an expression, each with a constant that it is compared with."""
    match expression:
        case {"Fn::Equals": [{"Ref": name}, str(constant)]}:
            yield name, constant
        case {"Fn::Equals": [{"Ref": name}, {"Ref": "AWS::Region"}]}:
            yield name, REGION
        case {"Fn::Contains": [_, {"Ref": "AWS::Region" | "MeetingLifetimeSeconds"}]}:
            pass  # No condition depends on them. transformed_template.py checks the rules.
        case {"Ref": name}:
            raise ValueError(f"{name} is not compared with a constant")
        case dict():
            yield from comparisons([*expression.values()])
        case list():
            for part in expression:
                yield from comparisons(part)


def choices():
    """For each parameter, the constants that it is compared with, and another value."""
    compared = {}
    for name, constant in comparisons([TEMPLATE["Conditions"], TEMPLATE["Rules"]]):
        if name not in DOMAIN:
            compared.setdefault(name, set()).add(constant)
    # No resource depends on it. transformed_template.py checks both values.
    del compared["Tracing"]
    for name, constants in compared.items():
        others = {*(TEMPLATE["Parameters"][name].get("AllowedValues") or [ANY[name]])} - constants
        yield name, sorted({*constants, *sorted(others)[:1]})


def combinations():
    names, values = zip(*choices())
    for combination in itertools.product(*values):
        parameters = dict(zip(names, combination))
        if not broken_rules(**parameters) and has_effect(**parameters):
            yield parameters
    yield with_defaults(DOMAIN)


def has_effect(MediaPlane, MediaControlRegion, **_):
    """Whether the control Region has an effect, if there is one."""
    return MediaPlane == "chime-sdk-meetings" or not MediaControlRegion


def existing(definitions, parameters):
    """The resources or outputs whose condition these parameters meet."""
    return {
        name: {member: part for member, part in definition.items() if member != "Condition"}
        for name, definition in definitions.items()
        if "Condition" not in definition or is_met(definition["Condition"], **parameters)
    }


def references(expression):
    """The names that an expression refers to."""
    match expression:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": [name, _]}:
            yield name
        case {"Fn::Sub": [text, variables]}:
            yield from set(references({"Fn::Sub": text})) - set(variables)
            yield from references(variables)
        case {"Fn::Sub": text}:
            yield from re.findall(r"\$\{([\w:]+)", text)
        case dict():
            yield from references([*expression.values()])
        case list():
            for part in expression:
                yield from references(part)


def dependencies(resource):
    named = resource.get("DependsOn", [])
    names = {*([named] if isinstance(named, str) else named), *references(resource)}
    return {name for name in names if not name.startswith("AWS::")}


linted = set()
for parameters in combinations():
    resolved = resolve(**parameters)
    resources = existing(transform(**parameters), parameters)
    outputs = existing(resolved["Outputs"], parameters)

    graph = {name: dependencies(resource) for name, resource in resources.items()}
    dangling = set().union(*graph.values(), dependencies(outputs)) - set(resources)
    assert not dangling, (parameters, dangling)
    graphlib.TopologicalSorter(graph).prepare()  # Raises an error if the dependencies are circular.
    json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])

    # Linting takes a second, so it is skipped unless a resource is new.
    new = {json.dumps(resource) for resource in resolved["Resources"].items()} - linted
    if new:
        template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs}
        problems = lint(json.dumps(template), config=ManualArgs(regions=[REGION]))
        assert not problems, (parameters, problems)
        linted |= new

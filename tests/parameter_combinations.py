"""The stack with every combination of the parameters that conditions and rules look at.

It is run by `make check` with SAM's own Python, which has the transforms and cfn-lint.
"""

import graphlib
import itertools
import json
import re

from cfnlint.api import ManualArgs, lint

from template import TEMPLATE, broken_rules, resolve, transform, value

# A value for parameters that take more than a few.
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
        case {"Ref": name}:
            raise ValueError(f"{name} is not compared with a constant")
        case dict() | list():
            for part in expression.values() if isinstance(expression, dict) else expression:
                yield from comparisons(part)


def choices():
    """For each parameter the constants that it is compared with, and one other value."""
    compared = {}
    for name, constant in comparisons([TEMPLATE["Conditions"], TEMPLATE["Rules"]]):
        compared.setdefault(name, []).append(constant)
    for name, constants in compared.items():
        others = set(TEMPLATE["Parameters"][name].get("AllowedValues") or [ANY[name]]) - set(constants)
        yield name, sorted({*constants, min(others)})


def existing(definitions, parameters):
    """The resources or outputs whose condition these parameters meet."""
    return {
        name: {member: part for member, part in definition.items() if member != "Condition"}
        for name, definition in definitions.items()
        if "Condition" not in definition or value(TEMPLATE["Conditions"][definition["Condition"]], parameters)
    }


def references(expression):
    """The resources that an expression refers to."""
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
        case dict() | list():
            for part in expression.values() if isinstance(expression, dict) else expression:
                yield from references(part)


def dependencies(resource):
    dependencies = resource.get("DependsOn", [])
    dependencies = [dependencies] if isinstance(dependencies, str) else dependencies
    return {name for name in {*dependencies, *references(resource)} if not name.startswith("AWS::")}


linted = set()
for values in itertools.product(*dict(choices()).values()):
    parameters = dict(zip(dict(choices()), values))
    if broken_rules(**parameters):
        continue
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
        problems = lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))
        assert not problems, (parameters, problems)
        linted |= new

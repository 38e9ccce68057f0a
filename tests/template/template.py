"""`template.yaml` as CloudFormation processes it: transformed, with its rules and conditions evaluated.

It needs SAM's own Python, which has both transforms.
"""

import logging
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import language_extensions

# The transforms log information that they could not get from AWS.
logging.disable(logging.WARNING)

ROOT = Path(__file__).parents[2]
SESSION = boto3.session.Session(region_name="us-east-1")
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
for resource, location in ("CreateMeetingFunction", "CodeUri"), ("NotificationsStateMachine", "DefinitionUri"):
    TEMPLATE["Resources"][resource]["Properties"][location] = "s3://bucket/key"


def with_defaults(parameters):
    return {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()} | parameters


def resolve(**parameters):
    """The template with these parameters, and the defaults of all others, substituted."""
    return language_extensions.resolve(TEMPLATE, with_defaults(parameters))


def transform(**parameters):
    """The resources that SAM generates from it."""
    translator = Translator({}, Parser(), boto_session=SESSION)
    return translator.translate(resolve(**parameters), with_defaults(parameters))["Resources"]


def value(expression, parameters):
    match expression:
        case {"Ref": name}:
            return parameters[name]
        case {"Condition": name}:
            return value(TEMPLATE["Conditions"][name], parameters)
        case {"Fn::Equals": [one, other]}:
            return value(one, parameters) == value(other, parameters)
        case {"Fn::Not": [condition]}:
            return not value(condition, parameters)
        case {"Fn::And": conditions}:
            return all(value(condition, parameters) for condition in conditions)
        case {"Fn::Or": conditions}:
            return any(value(condition, parameters) for condition in conditions)
        case {"Fn::Contains": [values, one]}:
            return value(one, parameters) in values
        case str():
            return expression
    raise ValueError(expression)


def with_region(parameters, region):
    return {**with_defaults(parameters), "AWS::Region": region}


def is_met(condition, region="us-east-1", **parameters):
    """Whether these parameters meet a condition of the template in a Region."""
    return value({"Condition": condition}, with_region(parameters, region))


def broken_rules(region="us-east-1", **parameters):
    """The rules of the template that these parameters violate in a Region."""
    parameters = with_region(parameters, region)
    return [
        name
        for name, rule in TEMPLATE["Rules"].items()
        if value(rule["RuleCondition"], parameters)
        and not all(value(assertion["Assert"], parameters) for assertion in rule["Assertions"])
    ]

"""Checks requests to `chime-sdk-meetings` against AWS's own model, which is part of botocore.

Reads a request as JSON from each line of standard input: method, path, query and body. Prints a line
for each violation, and fails if there is one.
"""

import json
import re
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.validate import ParamValidator

import chime_sdk_model

MODEL = chime_sdk_model.load()


def violations(request):
    """The operation of a request, and its violations."""
    query = dict(parse_qsl(request["query"], keep_blank_values=True))
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        template = urlsplit(operation.http["requestUri"])
        fixed = dict(parse_qsl(template.query))
        path = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template.path))
        matched = re.fullmatch(path, request["path"])
        route = request["method"], query.get("operation")
        if matched and route == (operation.http["method"], fixed.get("operation")):
            free = query.items() - fixed.items()
            return name, list(violations_of(operation, request, matched.groupdict(), free))
    return "unknown operation", [f"{request['method']} {request['path']}?{request['query']}"]


def violations_of(operation, request, path, query):
    parameters = {name: unquote(value) for name, value in path.items()}
    members = operation.input_shape.members
    located = {shape.serialization.get("name"): name for name, shape in members.items()
               if shape.serialization.get("location") == "querystring"}
    for name, value in query:
        if name not in located:
            yield f"unknown parameter in the query: {name}"
        elif members[located[name]].type_name == "integer" and value.isdecimal():
            parameters[located[name]] = int(value)
        else:
            parameters[located[name]] = value
    if request["body"]:
        try:
            body = json.loads(request["body"])
        except ValueError as error:
            yield f"the body is not JSON: {error}"
            return
        if not isinstance(body, dict):
            yield "the body is not an object"
            return
        for name in body:
            if name in members and "location" in members[name].serialization:
                yield f"{name} belongs in the {members[name].serialization['location']}, not in the body"
        parameters = body | parameters
    # Types, required members, unknown members, and lower bounds.
    report = ParamValidator().validate(parameters, operation.input_shape).generate_report()
    yield from report.splitlines()
    yield from constraint_violations(parameters, operation.input_shape, "")


def constraint_violations(value, shape, path):
    """The constraints that botocore does not check: upper bounds, patterns and enumerations."""
    size = len(value) if isinstance(value, (dict, list, str)) else value
    if isinstance(size, int) and size > shape.metadata.get("max", size):
        yield f"{path}: {size} exceeds {shape.metadata['max']}"
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in value.keys() & shape.members.keys():
            yield from constraint_violations(value[name], shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from constraint_violations(item, shape.member, f"{path}[{index}]")
    elif shape.type_name == "string" and isinstance(value, str):
        pattern = chime_sdk_model.pattern(shape)
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            yield f"{path}: {value!r} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value!r} is not one of {shape.enum}"


def main():
    failed = False
    for number, line in enumerate(sys.stdin, start=1):
        operation, found = violations(json.loads(line))
        for violation in found:
            print(f"request {number}, {operation}: {violation}")
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()

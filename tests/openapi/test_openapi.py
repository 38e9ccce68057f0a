"""`openapi.yaml`, compared with Amazon Chime's own model, and the clients generated from it.

`make test` runs it, and schemathesis with the same file.
"""

import json
import re
import subprocess

import boto3
import botocore.session
import pytest
import yaml
from botocore import UNSIGNED
from botocore.config import Config

from helpers.serving import PATIENCE, ROOT

TOOLS = ROOT / ".venv/tools"
DESCRIPTION = yaml.safe_load((ROOT / "openapi.yaml").read_text())
MODEL = botocore.session.get_session().get_service_model("chime")
# Those that are served. The others, of the Amazon Chime SDK alone, are not in the model.
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
    if method != "parameters" and operation["summary"] != "Is not served"
}


def resolve(node):
    """The target of a reference."""
    while "$ref" in node:
        target = DESCRIPTION
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def members(schema):
    """The members of an object, by name, and the names of the required ones."""
    schema = resolve(schema)
    parts = [members(part) for part in schema.get("allOf", [])]
    properties = {name: resolve(member) for name, member in schema.get("properties", {}).items()}
    return (
        {**{name: member for part, _ in parts for name, member in part.items()}, **properties},
        {*schema.get("required", []), *(name for _, required in parts for name in required)},
    )


def json_schema(content):
    return content["content"]["application/json"]["schema"]


def request(operation):
    """The members of the request, from all locations, by the model's names."""
    path, method, description = OPERATIONS[operation]
    parameters = [*DESCRIPTION["paths"][path].get("parameters", []), *description.get("parameters", [])]
    names = {"next-token": "NextToken", "max-results": "MaxResults"}
    given = {names.get(it["name"], it["name"]): resolve(it["schema"]) for it in map(resolve, parameters)}
    given.pop("operation", None)
    required = {name for name in given if name.endswith("Id")}
    if "requestBody" in description:
        properties, needed = members(json_schema(description["requestBody"]))
        return {**given, **properties}, required | needed
    return given, required


def assert_schema_matches(path, shape, schema):
    """Asserts that a schema has at least the constraints of the model's shape, and no other members."""
    schema = resolve(schema)
    if shape.type_name == "structure":
        properties, required = members(schema)
        # Added by the Amazon Chime SDK.
        properties.pop("Capabilities", None)
        # Accepted but ignored.
        expected = dict(shape.members)
        if path == "Attendees[]":
            del expected["Tags"]
        assert properties.keys() == expected.keys(), path
        assert {*shape.required_members} <= required, path
        for name, member in expected.items():
            assert_schema_matches(f"{path}.{name}", member, properties[name])
    elif shape.type_name == "list":
        assert_bounds(path, shape, schema.get("minItems"), schema.get("maxItems"))
        assert_schema_matches(f"{path}[]", shape.member, schema["items"])
    elif shape.type_name == "string":
        assert_bounds(path, shape, schema.get("minLength"), schema.get("maxLength"))
        assert not shape.enum or {*shape.enum} == {*schema["enum"]} - {None}, path
    elif shape.type_name == "integer":
        assert_bounds(path, shape, schema.get("minimum"), schema.get("maximum"))


def assert_bounds(path, shape, least, most):
    """Asserts bounds that are no wider than the model's. An ID has a pattern of fixed length."""
    metadata = shape.metadata
    assert metadata.get("min") is None or least is None or least >= metadata["min"], path
    assert metadata.get("max") is None or (most is not None and most <= metadata["max"]), path


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_matches_the_model(operation):
    path, method, description = OPERATIONS[operation]
    model = MODEL.operation_model(operation)
    uri, _, selector = model.http["requestUri"].partition("?operation=")
    uri = re.sub(r"\{(\w)", lambda match: "{" + match[1].upper(), uri)
    assert (path, method) == (f"{uri}#operation={selector}" if selector else uri, model.http["method"].lower())
    [status] = [status for status in description["responses"] if status.startswith("2")]
    assert int(status) == model.http.get("responseCode", 200)

    properties, required = request(operation)
    expected = dict(model.input_shape.members)
    if operation == "CreateAttendee":
        del expected["Tags"]
    properties.pop("Capabilities", None)
    assert properties.keys() == expected.keys()
    assert {*model.input_shape.required_members} <= required
    for name, member in expected.items():
        assert_schema_matches(name, member, properties[name])

    codes = set()
    for response in map(resolve, description["responses"].values()):
        schema = resolve(json_schema(response)) if "content" in response else {}
        for error in schema.get("anyOf", [schema]):
            codes |= {*resolve(error).get("properties", {}).get("Code", {}).get("enum", [])}
    names = {re.sub("(Client|Entity)?Exception$", "", shape.name) for shape in model.error_shapes}
    assert codes == names


def test_the_operations_match_the_botocore_description():
    service = json.loads((ROOT / "clients/botocore/chime/2018-05-01/service-2.json").read_text())
    assert OPERATIONS.keys() == service["operations"].keys()


def test_the_media_regions_match_the_endpoint(endpoint):
    chime = boto3.client("chime", "us-east-1", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED))
    with pytest.raises(chime.exceptions.BadRequestException) as raised:
        chime.create_meeting(ClientRequestToken="token", MediaRegion="nowhere")
    regions = re.search(r"enum value set: \[(.*)\]", str(raised.value))[1].split(", ")
    properties, _ = members(DESCRIPTION["components"]["schemas"]["CreateMeetingRequest"])
    assert [*regions, None] == properties["MediaRegion"]["enum"]


def test_a_generated_client_can_run_a_complete_program(endpoint, tmp_path):
    generate = [
        ROOT / ".venv/bin/openapi-python-client", "generate", "--path", ROOT / "openapi.yaml",
        "--output-path", tmp_path / "generated", "--meta", "none",
    ]
    subprocess.run(generate, check=True, timeout=PATIENCE)
    python = TOOLS / "openapi-python-client/bin/python"
    subprocess.run(
        [python, ROOT / "tests/openapi/program.py", tmp_path, endpoint], check=True, timeout=PATIENCE,
    )


def test_responses_to_generated_requests_match_the_description(endpoint):
    completed = subprocess.run(
        ["make", "schemathesis", f"ENDPOINT={endpoint}", "EXAMPLES=10", "SEED=1"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    assert completed.returncode == 0, completed.stdout

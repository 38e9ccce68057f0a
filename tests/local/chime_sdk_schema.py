"""Prints the JSON Schema of the requests that the local Chime SDK accepts, from botocore's model.

It is committed as `local/src/chime_sdk/requests.json`; a test compares the two. To update the file:

    cd tests && ../.venv/chime-sdk/bin/python -m local.chime_sdk_schema >../local/src/chime_sdk/requests.json
"""

import json

from end_to_end import chime_sdk_model

OPERATIONS = (
    "BatchCreateAttendee", "CreateAttendee", "CreateMeeting", "CreateMeetingWithAttendees", "DeleteAttendee",
    "DeleteMeeting", "GetAttendee", "GetMeeting", "ListAttendees", "StartMeetingTranscription",
    "StopMeetingTranscription",
)
# JSON Schema's names for the bounds of each type.
BOUNDS = {
    "integer": ("minimum", "maximum"),
    "list": ("minItems", "maxItems"),
    "string": ("minLength", "maxLength"),
}


def schema_of(shape):
    """A reference for a structure. All other shapes are inlined."""
    if shape.type_name == "structure":
        return {"$ref": f"#/$defs/{shape.name}"}
    schema = {"type": "array" if shape.type_name == "list" else shape.type_name}
    for bound, keyword in zip(("min", "max"), BOUNDS.get(shape.type_name, ())):
        if bound in shape.metadata:
            schema[keyword] = shape.metadata[bound]
    if shape.type_name == "list":
        schema["items"] = schema_of(shape.member)
    if shape.type_name == "string" and shape.enum:
        schema["enum"] = shape.enum
    if shape.type_name == "string" and (pattern := chime_sdk_model.pattern(shape)):
        schema["pattern"] = f"^(?:{pattern})$"
    return schema


def definitions(shape):
    """The schema of a structure, and of each structure that it refers to, by name."""
    if shape.type_name == "list":
        yield from definitions(shape.member)
    if shape.type_name != "structure":
        return
    schema = {"type": "object"}
    if shape.required_members:
        schema["required"] = sorted(shape.required_members)
    schema["properties"] = {name: schema_of(member) for name, member in shape.members.items()}
    yield shape.name, schema
    for member in shape.members.values():
        yield from definitions(member)


def generate():
    """The schema as JSON, with one line for each structure."""
    model = chime_sdk_model.load()
    schemas = {}
    for operation in OPERATIONS:
        schemas.update(definitions(model.operation_model(operation).input_shape))
    lines = (f'"{name}": {json.dumps(schema)}' for name, schema in sorted(schemas.items()))
    return '{"$defs": {\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    print(generate(), end="")

"""Prints the operations on meetings, attendees and tags of boto3's `chime` client, one line of JSON each."""

import json

import botocore.session

model = botocore.session.get_session().get_service_model("chime")
for name in model.operation_names:
    operation = model.operation_model(name)
    path, _, query = operation.http["requestUri"].partition("?operation=")
    if path.split("/")[1] in ("meetings", "tags"):
        print(json.dumps({
            "name": name,
            "method": operation.http["method"],
            "path": path,
            "query": query or None,
            "status": operation.http.get("responseCode", 200),
            "errors": [shape.name for shape in operation.error_shapes],
        }))

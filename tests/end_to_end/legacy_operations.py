"""Prints the operations on meetings, attendees and tags of boto3's `chime` client, a line of JSON each."""

import json

import botocore.session

model = botocore.session.get_session().get_service_model("chime")
for name in model.operation_names:
    http = model.operation_model(name).http
    path, _, query = http["requestUri"].partition("?operation=")
    if path.split("/")[1] in ("meetings", "tags"):
        print(json.dumps({"name": name, "method": http["method"], "path": path, "query": query or None}))

"""Prints the reply of `make invoke` in readable form: status, headers and body."""

import http
import json
import sys

try:
    reply = json.load(sys.stdin)
    status = http.HTTPStatus(reply["statusCode"])
    headers = reply["headers"]
    body = json.loads(reply["body"])
except (KeyError, TypeError, ValueError):
    sys.exit("This reply is not from a function behind API Gateway.")

print(status.value, status.phrase)
for name, value in headers.items():
    print(f"{name}: {value}")
print()
print(json.dumps(body, indent=2, ensure_ascii=False))

import os

import boto3


def send_api_key(request, **_):
    request.headers["x-api-key"] = os.environ["API_KEY"]


chime = boto3.client("chime")
chime.meta.events.register("before-sign.chime", send_api_key)
print(chime.create_meeting()["Meeting"]["MeetingId"])

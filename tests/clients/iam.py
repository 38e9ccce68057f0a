import boto3


def sign_for_api_gateway(request, **_):
    request.context.setdefault("signing", {})["signing_name"] = "execute-api"


chime = boto3.client("chime")
chime.meta.events.register("before-sign.chime", sign_for_api_gateway)
print(chime.create_meeting()["Meeting"]["MeetingId"])

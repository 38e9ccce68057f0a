"""A program with the client that openapi-python-client generates: see `test_openapi.py`.

Its arguments are the folder of the client and the endpoint.
"""

import sys
import uuid

sys.path.insert(0, sys.argv[1])

from generated import Client, models
from generated.api.default import (
    batch_create_attendee, create_attendee, create_meeting, delete_meeting, get_meeting, list_attendees,
)

client = Client(base_url=sys.argv[2])
request = models.CreateMeetingRequest(client_request_token=str(uuid.uuid4()))
meeting = create_meeting.sync(client=client, body=request).meeting
anna = create_attendee.sync(meeting.meeting_id, client=client, body=models.AttendeeRequest(external_user_id="anna"))
batch = models.BatchCreateAttendeeBody(
    attendees=[models.AttendeeRequest(external_user_id="anna"), models.AttendeeRequest(external_user_id="ben")]
)
operation = models.BatchCreateAttendeeOperation.BATCH_CREATE
created = batch_create_attendee.sync(meeting.meeting_id, client=client, body=batch, operation=operation)
assert created.attendees[0] == anna.attendee, created
assert len(list_attendees.sync(meeting.meeting_id, client=client).attendees) == 2
assert get_meeting.sync(meeting.meeting_id, client=client).meeting == meeting
assert delete_meeting.sync_detailed(meeting.meeting_id, client=client).status_code == 204
ended = get_meeting.sync(meeting.meeting_id, client=client)
assert isinstance(ended, models.NotFound), ended
wrong = get_meeting.sync("my-meeting", client=client)
assert isinstance(wrong, models.BadRequest), wrong

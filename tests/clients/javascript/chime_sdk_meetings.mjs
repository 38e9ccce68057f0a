// Creates a meeting with an attendee and deletes it, with the current client of the Amazon Chime SDK. Prints the
// results.

import { ChimeSDKMeetings, NotFoundException } from "@aws-sdk/client-chime-sdk-meetings";

const client = new ChimeSDKMeetings();
const { Meeting } = await client.createMeeting({ ExternalMeetingId: "meeting", MediaRegion: "eu-west-2" });
const { MeetingId } = Meeting;
const { Attendee } = await client.createAttendee({ MeetingId, ExternalUserId: "attendee" });
await client.deleteMeeting({ MeetingId });
const error = await client.getMeeting({ MeetingId }).catch((error) => error);
console.log(JSON.stringify({
  meeting: Object.keys(Meeting).sort(),
  attendee: Attendee.ExternalUserId,
  error: error instanceof NotFoundException && error.message,
}));

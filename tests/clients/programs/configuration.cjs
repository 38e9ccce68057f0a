// Builds a browser's session configuration from the two responses: see `test_programs.py`.

const { readFileSync } = require("node:fs");
const { MeetingSessionConfiguration } = require("amazon-chime-sdk-js");

const [meeting, attendee] = JSON.parse(readFileSync(0));
const { meetingId, credentials, urls } = new MeetingSessionConfiguration(meeting, attendee);
console.log(JSON.stringify({
  meetingId,
  attendeeId: credentials.attendeeId,
  externalUserId: credentials.externalUserId,
  joinToken: credentials.joinToken,
  audioHostURL: urls.audioHostURL,
  eventIngestionURL: urls.eventIngestionURL,
  signalingURL: urls.signalingURL,
}));

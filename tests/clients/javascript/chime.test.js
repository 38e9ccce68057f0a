// Creates a meeting with each SDK under Jest, which loads modules itself.

const { ChimeClient, CreateMeetingCommand } = require("@aws-sdk/client-chime");
const Chime = require("aws-sdk/clients/chime");

test("version 3 creates a meeting", async () => {
  const { Meeting } = await new ChimeClient({}).send(new CreateMeetingCommand({ ExternalMeetingId: "meeting" }));
  expect(Meeting.ExternalMeetingId).toBe("meeting");
});

test("version 2 creates a meeting", async () => {
  const { Meeting } = await new Chime().createMeeting({ ExternalMeetingId: "meeting" }).promise();
  expect(Meeting.ExternalMeetingId).toBe("meeting");
});

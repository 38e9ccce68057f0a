import { ChimeClient, CreateMeetingCommand } from "@aws-sdk/client-chime";

const chime = new ChimeClient({ signingName: "execute-api" });
const { Meeting } = await chime.send(new CreateMeetingCommand({}));
console.log(Meeting.MeetingId);

// Uses the Chime clients of the package in the first argument, loaded by the second: `import` or `require`. A third
// argument is the endpoint that the program sets. Prints the results.

import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";

// AWS's endpoints use HTTPS, and so does the endpoint that the tests set. No request leaves the machine.
const overHttps = [];
https.request = ({ host, path }) => {
  overHttps.push(host + path.split("?")[0]);
  return http.request("http://127.0.0.1:9");
};

const [name, how, endpoint] = process.argv.slice(2);
const loaded = how === "import" ? await import(name) : createRequire(import.meta.url)(name);
const program = name.startsWith("aws-sdk") ? version2(loaded.default ?? loaded) : version3(loaded);

const meeting = (await program.createMeeting({ ExternalMeetingId: "meeting" })).Meeting;
// The meetings API does not have this operation.
await program.listAccounts().catch(() => {});
const attendee = await program.createAttendee({ MeetingId: meeting.MeetingId, ExternalUserId: "attendee" });
const error = await program.createMeeting({ MediaRegion: "nowhere" }).catch((error) => error);
// Clients of other services must not change.
await program.callAnotherService();
console.log(JSON.stringify({
  meeting: meeting.ExternalMeetingId,
  attendee: attendee.Attendee.ExternalUserId,
  error: program.nameOf(error),
  overHttps,
}));
// After a failed request, some versions would keep the program running for seconds.
process.exit();

function version2(AWS) {
  const chime = new AWS.Chime({ maxRetries: 0, endpoint });
  // The demos of the Amazon Chime SDK set it this way.
  if (endpoint) chime.endpoint = new AWS.Endpoint(endpoint);
  return {
    createMeeting: (members) => chime.createMeeting(members).promise(),
    listAccounts: () => chime.listAccounts().promise(),
    createAttendee: (members) => chime.createAttendee(members).promise(),
    callAnotherService: () => new AWS.SNS({ maxRetries: 0, endpoint: process.env.OTHER_ENDPOINT })
      .listTopics().promise().catch(() => {}),
    nameOf: (error) => error.code,
  };
}

function version3(sdk) {
  const chime = new sdk.Chime({ maxAttempts: 1, ...(endpoint && { endpoint }) });
  const client = new sdk.ChimeClient({ maxAttempts: 1, ...(endpoint && { endpoint }) });
  return {
    createMeeting: (members) => chime.createMeeting(members),
    listAccounts: () => client.send(new sdk.ListAccountsCommand({})),
    createAttendee: (members) => client.send(new sdk.CreateAttendeeCommand(members)),
    async callAnotherService() {
      const { ChimeSDKMeetings } = await import("@aws-sdk/client-chime-sdk-meetings");
      const another = new ChimeSDKMeetings({ maxAttempts: 1, endpoint: process.env.OTHER_ENDPOINT });
      await another.getMeeting({ MeetingId: "00000000-0000-4000-8000-000000000000" }).catch(() => {});
    },
    // The oldest versions have no class for it.
    nameOf({ name, constructor }) {
      const { BadRequestException } = sdk;
      return (typeof BadRequestException !== "function" || constructor === BadRequestException) && name;
    },
  };
}

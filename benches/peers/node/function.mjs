// CreateMeeting with the AWS SDK, made idempotent by Powertools for AWS Lambda.

import { randomUUID } from "node:crypto";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

const PATTERNS = {
  ClientRequestToken: /^[-_a-zA-Z0-9]{2,64}$/,
  ExternalMeetingId: /^.{2,64}$/su,
  MediaRegion: /^(af|ap|ca|eu|sa|us)-[a-z]+-[1-9]$/,
  MeetingHostId: /^.{2,64}$/su,
};

const idempotency = new IdempotencyConfig({
  eventKeyJmesPath: "ClientRequestToken",
  payloadValidationJmesPath: "@",
  expiresAfterSeconds: 24 * 60 * 60,
});
// One connection per concurrent invocation.
const agent = { keepAlive: true, maxSockets: Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1) };
const persistenceStore = new DynamoDBPersistenceLayer({
  tableName: process.env.IDEMPOTENCY_TABLE,
  awsSdkV3Client: new DynamoDBClient({ requestHandler: { httpAgent: agent, httpsAgent: agent } }),
});

class BadRequest extends Error {
  name = "BadRequest";
}

export async function handler(event, context) {
  idempotency.registerLambdaContext(context);
  try {
    return reply(201, { Meeting: await createMeeting(parse(event.body)) });
  } catch (error) {
    switch (error.name) {
      case "BadRequest":
        return reject(400, "BadRequest", error.message);
      case "IdempotencyValidationError":
        return reject(400, "BadRequest", "ClientRequestToken was used for another request");
      case "IdempotencyAlreadyInProgressError":
        return reject(503, "ServiceUnavailable", "The meeting is being created: try again");
      default:
        throw error;
    }
  }
}

function parse(body) {
  let request;
  try {
    // The default is filled in, so a request with it equals one that omits it.
    request = { ClientRequestToken: "", MediaRegion: "us-east-1", ...JSON.parse(body) };
  } catch (cause) {
    throw new BadRequest("The body must be a JSON object", { cause });
  }
  for (const [name, pattern] of Object.entries(PATTERNS)) {
    const value = request[name];
    if (name in request && !(typeof value === "string" && pattern.test(value))) {
      throw new BadRequest(`${name} must match ${pattern}`);
    }
  }
  const { Tags = [] } = request;
  if (!(Array.isArray(Tags) && Tags.length <= 50)) {
    throw new BadRequest("Tags must be an array of at most 50");
  }
  return request;
}

const createMeeting = makeIdempotent(
  async ({ ExternalMeetingId, MediaRegion }) => {
    const MeetingId = randomUUID();
    const MediaPlacement = mediaPlacement(MeetingId, MediaRegion);
    const meeting = { MeetingId, MediaRegion, MediaPlacement };
    // The store rejects undefined members.
    return ExternalMeetingId ? { ...meeting, ExternalMeetingId } : meeting;
  },
  { persistenceStore, config: idempotency },
);

function mediaPlacement(meetingId, region) {
  const at = `m1.${region}.media.example.com`;
  const screen = `wss://bitpw.${at}:443/v2/screen/${meetingId}`;
  const viewer = `passcode=null&viewer_uuid=null&X-BitHub-Call-Id=${meetingId}`;
  return {
    AudioFallbackUrl: `wss://haxrp.${at}:443/calls/${meetingId}`,
    AudioHostUrl: `${meetingId.replaceAll("-", "")}.k.${at}:3478`,
    EventIngestionUrl: `https://data.svc.${region}.ingest.media.example.com/v1/client-events`,
    ScreenDataUrl: screen,
    ScreenSharingUrl: screen,
    ScreenViewingUrl: `wss://bitpw.${at}:443/ws/connect?${viewer}`,
    SignalingUrl: `wss://signal.${at}/control/${meetingId}`,
    TurnControlUrl: `https://ccp.cp.${region}.media.example.com/v2/turn_sessions`,
  };
}

const reply = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const reject = (statusCode, code, message) =>
  reply(statusCode, { Code: code, Message: message });

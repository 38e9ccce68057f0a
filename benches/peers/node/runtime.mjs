// A Lambda runtime with only the standard library: installing aws-lambda-ric requires a C++
// toolchain.

import http from "node:http";
import { json, text } from "node:stream/consumers";
import { handler } from "./function.mjs";

const INVOCATIONS = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? "create-meeting",
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function poll() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
  const send = (method, path, body) =>
    new Promise((resolve, reject) => {
      const request = http.request(`${INVOCATIONS}/${path}`, { agent, method }, resolve);
      request.on("error", reject).end(body);
    });
  for (;;) {
    const invocation = await send("GET", "next");
    const event = await json(invocation);
    const context = contextOf(invocation.headers);
    let outcome, result;
    try {
      [outcome, result] = ["response", await handler(event, context)];
    } catch (error) {
      console.error(error);
      [outcome, result] = ["error", { errorType: error.name, errorMessage: error.message }];
    }
    await text(await send("POST", `${context.awsRequestId}/${outcome}`, JSON.stringify(result)));
  }
}

const pollers = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1);
for (let poller = 0; poller < pollers; poller += 1) poll();

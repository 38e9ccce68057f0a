// Calls operations with JavaScript's SDK v3: see `test_programs.py`. All settings come from the environment.

import { createInterface } from "node:readline";
import * as sdk from "@aws-sdk/client-chime";

const chime = new sdk.ChimeClient({});

async function call(operation, members) {
  try {
    const { $metadata, ...output } = await chime.send(new sdk[`${operation}Command`](members));
    return { status: $metadata.httpStatusCode, output };
  } catch (error) {
    if (!(sdk[error.name]?.prototype instanceof sdk.ChimeServiceException)) throw error;
    return { exception: error.name, message: error.Message ?? error.message, status: error.$metadata.httpStatusCode };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await call(...JSON.parse(line))));
}

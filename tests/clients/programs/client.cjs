// Calls operations with JavaScript's SDK v2, the package in its argument: see `test_programs.py`. It reads no endpoint
// from the environment.

const { createInterface } = require("node:readline");
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
const { Chime } = require(process.argv[2]);

const chime = new Chime({ endpoint: process.env.AWS_ENDPOINT_URL_CHIME });

async function call(operation, members) {
  const method = operation[0].toLowerCase() + operation.slice(1);
  try {
    const { $response, ...output } = await chime[method](members).promise();
    return { status: $response.httpResponse.statusCode, output };
  } catch (error) {
    if (!error.statusCode) throw error;
    return { exception: error.code, message: error.message, status: error.statusCode };
  }
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await call(...JSON.parse(line))));
  }
}

main();

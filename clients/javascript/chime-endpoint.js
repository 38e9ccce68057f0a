'use strict';

// Preloaded into a Node.js program, this file sends the program's calls to Amazon Chime to another endpoint:
//
//   NODE_OPTIONS='--require /path/to/chime-endpoint.js'
//   AWS_ENDPOINT_URL_CHIME=https://…     used even if the program sets an endpoint
//   AWS_CHIME_SIGNING_NAME=execute-api   for an endpoint with IAM authorization
//
// It changes the Chime clients of aws-sdk 2 and @aws-sdk/client-chime, and nothing else. The programs can be old, so it
// uses only features of Node.js 10.

const Module = require('module');
const path = require('path');

function settings({ AWS_ENDPOINT_URL_CHIME: endpoint, AWS_CHIME_SIGNING_NAME: signingName }) {
  if (!endpoint) {
    throw new Error(`AWS_ENDPOINT_URL_CHIME is not set${signingName ? ', but AWS_CHIME_SIGNING_NAME is' : ''}`);
  }
  if (!isHttp(endpoint)) {
    throw new Error(`AWS_ENDPOINT_URL_CHIME must be an http or https URL, got ${JSON.stringify(endpoint)}`);
  }
  return { endpoint, signingName };
}

function isHttp(url) {
  try {
    return ['http:', 'https:'].includes(new URL(url).protocol);
  } catch (error) {
    return false;
  }
}

// Version 2 calls this method for each request, before it builds and signs the request.
function changeVersion2(Chime, { endpoint, signingName }) {
  const { setupRequestListeners } = Chime.prototype;
  Chime.prototype.setupRequestListeners = function (request) {
    setupRequestListeners.call(this, request);
    request.httpRequest.updateEndpoint(endpoint);
    if (signingName) this.api.signingName = signingName;
  };
}

// The exports of version 3 cannot be replaced individually.
function changedVersion3(exports, { endpoint, signingName }) {
  const changed = Object.getOwnPropertyDescriptors(exports);
  for (const name of ['ChimeClient', 'Chime']) {
    const value = new Proxy(exports[name], {
      construct: (client, [options], newTarget) => Reflect.construct(
        client, [Object.assign({}, options, { endpoint }, signingName && { signingName })], newTarget),
    });
    changed[name] = { value, enumerable: true };
  }
  return Object.defineProperties({}, changed);
}

// The name of the package that has this file in a top-level directory.
function packageOf(file) {
  try {
    return require(path.join(path.dirname(file), '..', 'package.json')).name;
  } catch (error) {
    return undefined;
  }
}

// Both packages are CommonJS, so `import` loads them through this hook, too.
function changeWhatIsLoaded(to) {
  const load = Module._extensions['.js'];
  Module._extensions['.js'] = function (module, file) {
    load(module, file);
    if (file.endsWith(path.join('clients', 'chime.js')) && packageOf(file) === 'aws-sdk') {
      changeVersion2(module.exports, to);
    } else if (file.endsWith(path.join('dist-cjs', 'index.js')) && packageOf(file) === '@aws-sdk/client-chime') {
      module.exports = changedVersion3(module.exports, to);
    }
  };
}

let outcome;
try {
  const to = settings(process.env);
  changeWhatIsLoaded(to);
  outcome = `Amazon Chime is called at ${to.endpoint}${to.signingName ? `, signed for ${to.signingName}` : ''}`;
} catch (error) {
  outcome = `${error.message}. Requests go to Amazon Chime`;
}
process.stderr.write(`chime-endpoint.js: ${outcome}.\n`);

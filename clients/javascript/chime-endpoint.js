'use strict';

// Preloaded into a Node.js program, this file sends the requests of Amazon Chime's meetings API to another endpoint:
//
//   NODE_OPTIONS='--require /path/to/chime-endpoint.js'
//   AWS_ENDPOINT_URL_CHIME=https://…     used even if the program sets an endpoint
//   AWS_CHIME_SIGNING_NAME=execute-api   for an endpoint with IAM authorization
//
// It changes the Chime clients of aws-sdk 2 and @aws-sdk/client-chime, and of these only the operations on meetings,
// attendees and tags. It prints nothing until the program calls one of them. The programs can be old, so it uses only
// features of Node.js 10.

const Module = require('module');

// The end of a path of the meetings API. The program's own endpoint can add a beginning.
const MEETINGS_API =
  /\/(meetings(\/[^/]+(\/(attendees(\/[^/]+(\/tags)?)?|dial-outs|tags|transcription))?)?|tags)$/;

let said = false;

function say(message) {
  if (!said) process.stderr.write(`chime-endpoint.js: ${message}.\n`);
  said = true;
}

function sayRedirected({ endpoint, signingName }) {
  say(`the meetings API of Amazon Chime is called at ${endpoint}${signingName ? `, signed for ${signingName}` : ''}`);
}

// What the environment sets, or undefined if it sets no valid endpoint. The text of the URL, which can contain a
// password, is never printed.
function settings() {
  const { AWS_ENDPOINT_URL_CHIME: url, AWS_CHIME_SIGNING_NAME: signingName } = process.env;
  const { protocol, hostname, port, host, pathname } = parsed(url);
  if (!['http:', 'https:'].includes(protocol)) {
    const problem = url ? 'is not an http or https URL' : 'is not set';
    say(`AWS_ENDPOINT_URL_CHIME ${problem}. Requests of the meetings API are not redirected`);
    return undefined;
  }
  const path = pathname.replace(/\/+$/, '');
  const endpoint = `${protocol}//${host}${path}`;
  return { endpoint, protocol, hostname, port: port ? Number(port) : undefined, host, path, signingName };
}

function parsed(url) {
  try {
    return new URL(url);
  } catch (error) {
    return {};
  }
}

// Version 2 calls this method for each request, before it builds and signs the request.
function changeVersion2(Chime) {
  const { setupRequestListeners } = Chime.prototype;
  Chime.prototype.setupRequestListeners = function (request) {
    setupRequestListeners.call(this, request);
    const { httpPath = '' } = Object(this.api.operations[request.operation]);
    const to = MEETINGS_API.test(httpPath.split('?')[0]) && settings();
    if (!to) return;
    request.httpRequest.updateEndpoint(to.endpoint);
    if (to.signingName) {
      // Only for this request: the client's other operations keep their signing name.
      const api = Object.create(this.api, { signingName: { value: to.signingName } });
      request.service = Object.create(this, { api: { value: api } });
    }
    request.on('send', () => sayRedirected(to));
  };
}

function changeVersion3(ChimeClient) {
  const { send } = ChimeClient.prototype;
  const changed = new WeakSet();
  ChimeClient.prototype.send = function (...args) {
    if (Object(this.config).serviceId === 'Chime' && !changed.has(this.config)) {
      changed.add(this.config);
      redirectWhenSigned(this.config);
      ignoreEnvironment(this.config);
    }
    return send.apply(this, args);
  };
}

// All versions sign each attempt with the configuration's signer, and send what it returns.
function redirectWhenSigned(config) {
  const { signer } = config;
  config.signer = async (...args) => {
    const original = typeof signer === 'function' ? await signer(...args) : signer;
    const sign = async (request, options) => {
      const [path] = MEETINGS_API.exec(request.path) || [];
      const to = path && settings();
      if (!to) return original.sign(request, options);
      const { protocol, hostname, port, host } = to;
      const headers = Object.assign({}, request.headers, { host });
      const redirected = Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
        protocol, hostname, port, path: to.path + path, headers,
      });
      const signed = await original.sign(redirected, Object.assign({}, options, {
        signingRegion: await config.region(), signingService: to.signingName || config.signingName || 'chime',
      }));
      sayRedirected(to);
      return signed;
    };
    return Object.create(original, { sign: { value: sign } });
  };
}

// Since 3.428.0, version 3 reads AWS_ENDPOINT_URL_CHIME itself, for all operations.
function ignoreEnvironment(config) {
  const { endpoint, endpointProvider } = config;
  if (endpoint || !endpointProvider) return;
  config.endpointProvider = (parameters, context) => {
    const { AWS_ENDPOINT_URL_CHIME: ofChime, AWS_ENDPOINT_URL: ofAll } = process.env;
    const read = ofChime && parameters.Endpoint;
    return endpointProvider(read ? Object.assign({}, parameters, { Endpoint: ofAll }) : parameters, context);
  };
}

const clients = new WeakSet();

function changeClients(exports) {
  const { ChimeClient, serviceIdentifier } = Object(exports);
  if (typeof ChimeClient === 'function' && ChimeClient.prototype.send && !clients.has(ChimeClient)) {
    clients.add(ChimeClient);
    changeVersion3(ChimeClient);
  } else if (serviceIdentifier === 'chime' && !clients.has(exports)) {
    clients.add(exports);
    changeVersion2(exports);
  }
}

// Both SDKs are CommonJS. This method compiles such modules even if `import` or a tool such as tsx loads them.
const compile = Module.prototype._compile;
Module.prototype._compile = function (content, file, ...rest) {
  const result = compile.call(this, content, file, ...rest);
  if (/(clients.chime|ChimeClient|dist-cjs.index)\.js$/.test(file)) changeClients(this.exports);
  if (/jest-runtime.build.index\.js$/.test(file)) changeJest(this.exports.default || this.exports);
  return result;
};

// Jest compiles modules itself.
function changeJest(Runtime) {
  const { requireModule } = Runtime.prototype;
  Runtime.prototype.requireModule = function (from, name, ...rest) {
    const exports = requireModule.call(this, from, name, ...rest);
    if (/chime/i.test(name)) changeClients(exports);
    return exports;
  };
}

// npm `oidc-provider` as the issuer of a gateway under test, on a port of its own.
//
//   node idp.mjs PACKAGES       PACKAGES: a folder with node_modules
//
// Reads commands, a line each, and answers each with a line of JSON: first, unasked, { issuer };
// `token`: an access token by the client-credentials grant, over HTTP; `rotate`: from now on signs with
// a new key, which comes first in the set; `forget`: the set is the newest key alone; `seen`: how often
// each path was asked for.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(process.argv[2], "package.json"));
const { Provider } = await import(require.resolve("oidc-provider"));
const { exportJWK, generateKeyPair } = await import(require.resolve("jose"));

const AUDIENCE = "https://gateway.acme.example";
const CLIENT = { id: "nightly-report", secret: crypto.randomUUID() };

let keys = [];
let current;
const seen = {};
const server = createServer((request, response) => {
  const path = request.url.split("?")[0];
  seen[path] = (seen[path] ?? 0) + 1;
  current.callback()(request, response);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

async function newKey() {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const kid = crypto.randomUUID();
  return { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" };
}

function provider() {
  const made = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: "orders",
          audience: AUDIENCE,
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  made.on("server_error", (_, error) => console.error(error));
  return made;
}

async function token() {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: "grant_type=client_credentials&scope=orders",
  });
  const answer = await response.json();
  return { token: answer.access_token, error: answer.error_description };
}

const commands = {
  token,
  rotate: async () => {
    keys = [await newKey(), ...keys];
    current = provider();
    return { kid: keys[0].kid };
  },
  forget: () => {
    keys = keys.slice(0, 1);
    current = provider();
    return { kid: keys[0].kid };
  },
  seen: () => seen,
};

await commands.rotate();
console.log(JSON.stringify({ issuer }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await commands[line]()));
}
process.exit(0);

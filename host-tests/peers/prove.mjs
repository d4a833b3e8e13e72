// DPoP proofs (RFC 9449) as npm `jose` signs them, and as npm `dpop`, a client's library, makes them:
// prints { keys, rounds }, a round for each library and algorithm.
//
//   node prove.mjs PACKAGES < { claims, method, uri, now }

import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } = await import(require.resolve("jose"));
const { generateProof } = await import(require.resolve("dpop"));

const asked = JSON.parse(readFileSync(0, "utf8"));
const issuer = await generateKeyPair("ES256");
const made = {
  keys: [{ ...(await exportJWK(issuer.publicKey)), kid: "issuer", alg: "ES256", use: "sig" }],
  rounds: [],
};

const token = async (jkt) =>
  new SignJWT({ ...asked.claims, cnf: { jkt } })
    .setProtectedHeader({ alg: "ES256", kid: "issuer", typ: "at+jwt" })
    .setJti(randomUUID())
    .sign(issuer.privateKey);

const byJose = async (alg, pair, { method, uri, ath, iat = asked.now }) =>
  new SignJWT({ jti: randomUUID(), htm: method, htu: uri, iat, ath })
    .setProtectedHeader({ alg, typ: "dpop+jwt", jwk: await exportJWK(pair.publicKey) })
    .sign(pair.privateKey);

for (const alg of ["ES256", "Ed25519", "PS256", "RS256"]) {
  const pair = await generateKeyPair(alg);
  const bound = await token(await calculateJwkThumbprint(await exportJWK(pair.publicKey)));
  const ath = createHash("sha256").update(bound).digest("base64url");
  const right = { method: asked.method, uri: asked.uri, ath };
  const { method, uri } = right;
  made.rounds.push({
    by: `jose ${alg}`,
    token: bound,
    good: [await byJose(alg, pair, right), await byJose(alg, pair, right)],
    refused: [
      ["dpop_target_mismatch", await byJose(alg, pair, { ...right, uri: `${uri}/other` })],
      ["dpop_target_mismatch", await byJose(alg, pair, { ...right, method: "GET" })],
      ["dpop_token_mismatch", await byJose(alg, pair, { ...right, ath: createHash("sha256").digest("base64url") })],
      ["dpop_malformed", await byJose(alg, pair, { method, uri })],
      ["dpop_stale", await byJose(alg, pair, { ...right, iat: asked.now - 3600 })],
      ["dpop_key_mismatch", await byJose(alg, await generateKeyPair(alg), right)],
    ],
  });
  const proof = (pair, uri, method, token) => generateProof(pair, uri, method, undefined, token);
  made.rounds.push({
    by: `dpop ${alg}`,
    token: bound,
    good: [await proof(pair, uri, method, bound), await proof(pair, uri, method, bound)],
    refused: [
      ["dpop_target_mismatch", await proof(pair, `${uri}/other`, method, bound)],
      ["dpop_target_mismatch", await proof(pair, uri, "GET", bound)],
      ["dpop_token_mismatch", await proof(pair, uri, method, `${bound}x`)],
      ["dpop_malformed", await proof(pair, uri, method)],
      ["dpop_key_mismatch", await proof(await generateKeyPair(alg), uri, method, bound)],
    ],
  });
}
process.stdout.write(JSON.stringify(made));

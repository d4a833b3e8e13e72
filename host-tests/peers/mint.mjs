// Access tokens as npm `jose` writes them, one for each algorithm: prints { keys, tokens }.
//
//   node mint.mjs PACKAGES < claims.json

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const { SignJWT, exportJWK, generateKeyPair } = await import(require.resolve("jose"));

const claims = JSON.parse(readFileSync(0, "utf8"));
const made = { keys: [], tokens: {} };
for (const alg of ["ES256", "RS256", "PS256", "Ed25519"]) {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const kid = `jose ${alg}`;
  made.keys.push({ ...(await exportJWK(publicKey)), kid, alg, use: "sig" });
  const header = { alg, kid, typ: "at+jwt" };
  made.tokens[alg] = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
}
process.stdout.write(JSON.stringify(made));

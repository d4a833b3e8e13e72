// What Node's JSON.parse reads in MCP messages: a line of JSON for each line of base64 on standard input.
//
//   node read.mjs < bodies
//
// Each line is what `read.py` says of the same body: { method, name, arguments, whole }, the last two
// as digests of RFC 8785 canonical JSON (for a resource, of its URI); or { refused } with why.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

// RFC 8785 is what JSON.stringify does, with sorted members. Own members only: `__proto__` is one here.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  const member = (name) => `${JSON.stringify(name)}:${canonical(value[name])}`;
  return `{${members.map(member).join(",")}}`;
}

function digest(value) {
  return `sha-256:${createHash("sha256").update(canonical(value)).digest("base64url")}`;
}

function read(body) {
  try {
    // As servers do: bytes that are no UTF-8 become U+FFFD, and are not an error.
    const message = JSON.parse(body.toString("utf8"));
    const { method, params = {} } = message;
    const uri = "uri" in params ? { uri: params.uri } : undefined;
    return {
      method,
      name: params.name ?? null,
      arguments: digest(uri ?? params.arguments ?? {}),
      whole: digest(message),
    };
  } catch (refused) {
    return { refused: String(refused) };
  }
}

const lines = readFileSync(0, "latin1").split("\n").filter((line) => line !== "");
const answers = lines.map((line) => JSON.stringify(read(Buffer.from(line, "base64"))));
process.stdout.write(answers.join("\n") + "\n");

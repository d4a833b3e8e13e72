// The official TypeScript SDK's client against the official everything server, wherever it is reached:
// what it saw, one JSON object.
//
//   node client.mjs PACKAGES URL [TOKEN]
//
// PACKAGES: a folder with node_modules. Lists, calls, progress, a cancellation, what the server asks back (elicitation, sampling, roots),
// subscriptions, completion, a large answer, an unknown tool, and the end of the session.

import { createRequire } from "node:module";
import { join } from "node:path";

const [, , packages, url, token] = process.argv;
const require = createRequire(join(packages, "package.json"));
const sdk = (path) => import(require.resolve(`@modelcontextprotocol/sdk/${path}`));
const { Client } = await sdk("client/index.js");
const { StreamableHTTPClientTransport } = await sdk("client/streamableHttp.js");
const types = await sdk("types.js");

const saw = {};
const client = new Client(
  { name: "peer", version: "1" },
  { capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } } },
);
saw.asked = [];
client.setRequestHandler(types.ElicitRequestSchema, ({ params }) => {
  saw.asked.push(["elicitation", params.message]);
  return { action: "accept", content: { name: "Dana", check: true } };
});
client.setRequestHandler(types.CreateMessageRequestSchema, ({ params }) => {
  saw.asked.push(["sampling", params.maxTokens]);
  return { role: "assistant", model: "none", content: { type: "text", text: "sampled" } };
});
client.setRequestHandler(types.ListRootsRequestSchema, () => {
  saw.asked.push(["roots"]);
  return { roots: [{ uri: "file:///work", name: "work" }] };
});
let updated;
const update = new Promise((resolve) => (updated = resolve));
client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, ({ params }) => updated(params.uri));

const headers = token ? { authorization: `Bearer ${token}` } : {};
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
await client.connect(transport);
saw.session = typeof transport.sessionId;
saw.server = [client.getServerVersion().name, client.getServerCapabilities(), client.getInstructions()?.length];
// The server registers more tools once it knows what the client can do.
await new Promise((later) => setTimeout(later, 500));

const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const outcome = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return { code: error.code, message: error.message };
  }
};
saw.tools = await client.listTools();
saw.resources = await client.listResources();
saw.templates = await client.listResourceTemplates();
saw.prompts = await client.listPrompts();
saw.echo = await call("echo", { message: "žluťoučký 🐴 \u2028" });
saw.structured = await call("get-structured-content", { location: "Chicago" });
saw.image = await call("get-tiny-image", {});
saw.wrong = await outcome(call("get-sum", { a: "x" }));
saw.unknown = await outcome(call("no-such-tool", {}));
saw.progress = [];
const onprogress = ({ progress, total }) => saw.progress.push([progress, total]);
saw.long = await call("trigger-long-running-operation", { duration: 1, steps: 4 }, { onprogress });
const cancel = new AbortController();
const cancelled = call("trigger-long-running-operation", { duration: 30, steps: 30 }, {
  signal: cancel.signal,
  onprogress: () => cancel.abort("enough"),
});
saw.cancelled = (await outcome(cancelled)).message;
for (const tool of ["trigger-elicitation-request", "get-roots-list"]) {
  saw[tool] = await outcome(call(tool, {}));
}
saw.sampling = await outcome(call("trigger-sampling-request", { prompt: "hello", maxTokens: 7 }));
saw.read = await client.readResource({ uri: "demo://resource/static/document/features.md" });
saw.blob = (await client.readResource({ uri: "demo://resource/dynamic/blob/1" })).contents.length;
saw.missing = (await outcome(client.readResource({ uri: "demo://resource/nothing/here" }))).code;
saw.prompt = await client.getPrompt({ name: "args-prompt", arguments: { city: "Brno" } });
saw.completion = await client.complete({
  ref: { type: "ref/prompt", name: "completable-prompt" },
  argument: { name: "department", value: "E" },
});
const uri = "demo://resource/dynamic/text/1";
saw.subscribed = await outcome(client.subscribeResource({ uri }));
await call("toggle-subscriber-updates", {});
saw.updated = await Promise.race([update, new Promise((late) => setTimeout(late, 9000, "never"))]);
saw.unsubscribed = await outcome(client.unsubscribeResource({ uri }));
await call("toggle-subscriber-updates", {});
saw.level = await client.setLoggingLevel("error");
saw.ping = await client.ping();
await transport.terminateSession();
saw.ended = (await outcome(client.ping())).code;
await client.close();
console.log(JSON.stringify(saw));
process.exit(0);

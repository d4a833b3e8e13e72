// The official TypeScript SDK's client of A2A against an agent, wherever it is reached: what it saw, one JSON object.
//
//   node agent_client.mjs PACKAGES URL BINDING [TOKEN]
//
// PACKAGES: a folder with node_modules. BINDING is `JSONRPC` or `HTTP+JSON`, or `0.3`: JSON-RPC by the SDK of that
// version of the protocol. Ids are numbered as they are first seen, and instants left out: they are never the same.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , packages, url, binding, token] = process.argv;
const old = binding === "0.3";
const folder = join(packages, "node_modules", old ? "a2a-js-sdk-0.3" : "@a2a-js/sdk", "dist");
const sdk = (path) => import(pathToFileURL(join(folder, path)));
const { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } =
  await sdk("client/index.js");
const { SendMessageRequest } = await sdk("index.js");

const saw = {};
const ids = new Map();
const IDS = ["id", "taskId", "contextId", "messageId"];
const UUID = /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;
const numbered = (id) => {
  if (!ids.has(id)) ids.set(id, `id ${ids.size}`);
  return ids.get(id);
};
const plain = (value) =>
  JSON.parse(
    JSON.stringify(value, (name, one) => {
      if (name === "timestamp") return undefined;
      return IDS.includes(name) && typeof one === "string" && one.length > 20 ? numbered(one) : one;
    }),
  );
const outcome = async (promise) => {
  try {
    return plain(await promise);
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message.replace(UUID, "an id") };
  }
};

const headers = token ? { authorization: `Bearer ${token}` } : {};
const fetchImpl = (to, options = {}) => {
  const merged = new Headers(options.headers);
  for (const [name, value] of Object.entries(headers)) merged.set(name, value);
  return fetch(to, { ...options, headers: merged });
};
const factory = new ClientFactory({
  transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
  preferredTransports: [old ? "JSONRPC" : binding],
  cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
});
const client = await factory.createFromUrl(url);
saw.transport = [client.transport.protocolName, client.protocolVersion ?? "0.3"];
saw.card = plain(await client.getAgentCard());

const asking = (text, task) => {
  const message = {
    messageId: randomUUID(),
    role: old ? "user" : "ROLE_USER",
    parts: [{ text, ...(old && { kind: "text" }) }],
    ...(old && { kind: "message" }),
    ...(task && { taskId: task.id, contextId: task.contextId }),
  };
  return old ? { message } : SendMessageRequest.fromJSON({ message });
};
const raw = (event) => event.payload?.value ?? event;
const stream = async (events) => {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
};

saw.echo = await outcome(client.sendMessage(asking("echo ž 🐴")));
saw["echo streaming"] = await outcome(stream(client.sendMessageStream(asking("echo twice"))));
const counted = raw(await client.sendMessage(asking("count 3")));
saw.count = plain(counted);
saw["count streaming"] = await outcome(stream(client.sendMessageStream(asking("count 4"))));
saw.task = await outcome(client.getTask({ id: counted.id }));
saw.short = await outcome(client.getTask({ id: counted.id, historyLength: 0 }));
const asked = raw(await client.sendMessage(asking("ask")));
saw.ask = plain(asked);
saw["go on"] = await outcome(stream(client.sendMessageStream(asking("count 2", asked))));
saw.over = await outcome(client.sendMessage(asking("count 1", asked)));
saw.missing = await outcome(client.getTask({ id: "nobody's" }));
saw["cancel what is over"] = await outcome(client.cancelTask({ id: counted.id }));

// Starts what does not end, joins in, and cancels it.
const events = client.sendMessageStream(asking("wait"));
const waiting = [(await events.next()).value, (await events.next()).value];
const task = raw(waiting[0]).id;
const joined = client.resubscribeTask({ id: task });
const first = (await joined.next()).value;
saw.cancel = await outcome(client.cancelTask({ id: task }));
saw.wait = plain([...waiting, ...(await stream(events))]);
saw.joined = plain([first, ...(await stream(joined))]);
saw.cancelled = await outcome(client.getTask({ id: task }));
// 0.3 has no such method in JSON-RPC.
if (!old) saw.tasks = await outcome(client.listTasks({ contextId: counted.contextId }));
console.log(JSON.stringify(saw));
process.exit(0);

// An A2A agent on the official TypeScript SDK, by both bindings, 1.0 and 0.3; prints the port it listens on.
//
//   node agent.mjs PACKAGES
//
// It does what agent.py does: `echo` answers with a message, `count` makes an artifact piece by piece, `ask` asks
// back, `wait` works until it is cancelled.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const modules = join(process.argv[2], "node_modules");
const load = (path) => import(pathToFileURL(join(modules, path)));
const sdk = (path) => load(join("@a2a-js/sdk/dist", path));
const { default: express } = await load("express/index.js");
const { AgentCard, Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } = await sdk("index.js");
const { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } = await sdk("server/index.js");
const { UserBuilder, agentCardHandler, jsonRpcHandler, restHandler } = await sdk("server/express/index.js");

const cancelled = new Map();
const said = (text) => ({ messageId: randomUUID(), role: "ROLE_AGENT", parts: [{ text }] });

const executor = {
  async execute(context, bus) {
    const { taskId, contextId } = context;
    const message = Message.toJSON(context.userMessage);
    const [, what, rest] = message.parts.map((part) => part.text).join("").match(/^(\S*) ?(.*)$/s);
    if (what === "echo") {
      return bus.publish(AgentEvent.message(Message.fromJSON({ ...said(rest), contextId })));
    }
    const status = (state, text) => ({ state, message: { ...said(text), taskId, contextId } });
    const becomes = (state, text) => {
      const event = { taskId, contextId, status: status(state, text) };
      bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON(event)));
    };
    const begun = { id: taskId, contextId, status: { state: "TASK_STATE_SUBMITTED" }, history: [message] };
    bus.publish(AgentEvent.task(context.task ?? Task.fromJSON(begun)));
    becomes("TASK_STATE_WORKING", "working");
    if (what === "wait") {
      await new Promise((end) => cancelled.set(taskId, end));
      return becomes("TASK_STATE_CANCELED", "cancelled");
    }
    if (what === "ask") return becomes("TASK_STATE_INPUT_REQUIRED", "how far?");
    for (let n = 0; n < Number(rest); n++) {
      const artifact = { artifactId: "a-1", name: "numbers", parts: [{ text: `${n} žluťoučký` }] };
      const event = { taskId, contextId, artifact, append: n > 0, lastChunk: n + 1 === Number(rest) };
      bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON(event)));
      await sleep(50);
    }
    becomes("TASK_STATE_COMPLETED", "done");
  },
  async cancelTask(taskId) {
    cancelled.get(taskId)?.();
  },
};

const app = express();
const server = createServer(app);
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const { port } = server.address();
const here = `http://127.0.0.1:${port}`;
const at = (path, protocolBinding, protocolVersion) => ({ url: here + path, protocolBinding, protocolVersion });
const skill = (id) => ({ id, name: id, description: `To ${id}`, tags: ["peer"] });
const card = AgentCard.fromJSON({
  name: "Peer",
  description: "Does what it is told",
  version: "1.0.0",
  supportedInterfaces: [
    at("/rpc", "JSONRPC", "1.0"),
    at("/rest", "HTTP+JSON", "1.0"),
    at("/rpc", "JSONRPC", "0.3"),
  ],
  capabilities: { streaming: true },
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: ["echo", "count", "ask", "wait"].map(skill),
});
const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
const userBuilder = UserBuilder.noAuthentication;
const legacyCompat = { enabled: true };
app.use("/.well-known/agent-card.json", agentCardHandler({ agentCardProvider: requestHandler, legacyCompat }));
app.use("/rpc", jsonRpcHandler({ requestHandler, userBuilder, legacyCompat }));
app.use("/rest", restHandler({ requestHandler, userBuilder }));
console.log(port);

// An MCP server on the official TypeScript SDK that has what the official conformance suite calls, so that its
// checks pass; prints the port it listens on.
//
//   node suite.mjs PACKAGES
//
// PACKAGES: a folder with node_modules. One server for each session; events are kept, so that streams can be resumed.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const sdk = (path) => import(require.resolve(`@modelcontextprotocol/sdk/${path}`));
const { Server } = await sdk("server/index.js");
const { StreamableHTTPServerTransport } = await sdk("server/streamableHttp.js");
const { createMcpExpressApp } = await sdk("server/express.js");
const types = await sdk("types.js");

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
const text = (text) => ({ type: "text", text });
const image = { type: "image", data: PNG, mimeType: "image/png" };
const embedded = (uri, text, mimeType = "text/plain") => ({ type: "resource", resource: { uri, mimeType, text } });
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const form = (properties, required = []) => ({ type: "object", properties, required });
const nothing = { type: "object", properties: {} };
const one = (name) => form({ [name]: { type: "string" } }, [name]);

const elicits = (message, requestedSchema) => async (_, { sendRequest }) => {
  const params = { message, requestedSchema };
  const answer = await sendRequest({ method: "elicitation/create", params }, types.ElicitResultSchema);
  return [text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`)];
};
const titled = (...titles) => titles.map((title, n) => ({ const: `value${n + 1}`, title }));
const options = ["option1", "option2", "option3"];

// Name, what its arguments are, what it does.
const TOOLS = {
  test_simple_text: [nothing, () => [text("This is a simple text response for testing.")]],
  test_image_content: [nothing, () => [image]],
  test_audio_content: [nothing, () => [{ type: "audio", data: WAV, mimeType: "audio/wav" }]],
  test_embedded_resource: [
    nothing,
    () => [embedded("test://embedded-resource", "This is an embedded resource content.")],
  ],
  test_multiple_content_types: [
    nothing,
    () => [
      text("Multiple content types test:"),
      image,
      embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ],
  ],
  test_tool_with_logging: [
    nothing,
    async (_, { sendNotification }) => {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await sendNotification({ method: "notifications/message", params: { level: "info", data } });
        await later(50);
      }
      return [text("done")];
    },
  ],
  test_tool_with_progress: [
    nothing,
    async (_, { sendNotification, _meta }) => {
      const progressToken = _meta?.progressToken ?? 0;
      for (const progress of [0, 50, 100]) {
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
        await later(50);
      }
      return [text("done")];
    },
  ],
  test_error_handling: [
    nothing,
    () => {
      throw new Error("This tool intentionally returns an error for testing");
    },
  ],
  test_reconnection: [
    nothing,
    async (_, { closeSSEStream }) => {
      closeSSEStream?.();
      await later(100);
      return [text("Reconnection test completed successfully.")];
    },
  ],
  test_sampling: [
    one("prompt"),
    async ({ prompt }, { sendRequest }) => {
      const params = { messages: [{ role: "user", content: text(prompt) }], maxTokens: 100 };
      const answer = await sendRequest(
        { method: "sampling/createMessage", params },
        types.CreateMessageResultSchema,
      );
      return [text(`LLM response: ${answer.content.text}`)];
    },
  ],
  test_elicitation: [
    one("message"),
    async ({ message }, extra) => elicits(message, one("response"))(undefined, extra),
  ],
  test_elicitation_sep1034_defaults: [
    nothing,
    elicits(
      "Please review",
      form({
        name: { type: "string", default: "John Doe" },
        age: { type: "integer", default: 30 },
        score: { type: "number", default: 95.5 },
        status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
        verified: { type: "boolean", default: true },
      }),
    ),
  ],
  test_elicitation_sep1330_enums: [
    nothing,
    elicits(
      "Please select",
      form({
        untitledSingle: { type: "string", enum: options },
        titledSingle: { type: "string", oneOf: titled("First Option", "Second Option", "Third Option") },
        legacyEnum: {
          type: "string",
          enum: ["opt1", "opt2", "opt3"],
          enumNames: ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: options } },
        titledMulti: {
          type: "array",
          minItems: 1,
          maxItems: 3,
          items: { anyOf: titled("First Choice", "Second Choice", "Third Choice") },
        },
      }),
    ),
  ],
  json_schema_2020_12_tool: [
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: { address: { type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
      properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
      additionalProperties: false,
    },
    (args) => [text(JSON.stringify(args))],
  ],
};

const RESOURCES = {
  "test://static-text": { mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { mimeType: "image/png", blob: PNG },
  "test://watched-resource": { mimeType: "text/plain", text: "Watched resource content" },
};

const user = (content) => ({ role: "user", content });
const PROMPTS = {
  test_simple_prompt: [[], () => [user(text("This is a simple prompt for testing."))]],
  test_prompt_with_arguments: [
    ["arg1", "arg2"],
    ({ arg1, arg2 }) => [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  ],
  test_prompt_with_embedded_resource: [
    ["resourceUri"],
    ({ resourceUri }) => [
      user(embedded(resourceUri, "Embedded resource content for testing.")),
      user(text("Please process the embedded resource above.")),
    ],
  ],
  test_prompt_with_image: [[], () => [user(image), user(text("Please analyze the image above."))]],
};

function serverOfOneSession() {
  const capabilities = {
    tools: {},
    resources: { subscribe: true },
    prompts: {},
    logging: {},
    completions: {},
  };
  const server = new Server({ name: "suite", version: "1.0.0" }, { capabilities });
  const on = (schema, answer) => server.setRequestHandler(schema, answer);
  on(types.ListToolsRequestSchema, () => ({
    tools: Object.entries(TOOLS).map(([name, [inputSchema]]) => ({ name, description: `Tests ${name}`, inputSchema })),
  }));
  on(types.CallToolRequestSchema, async ({ params }, extra) => {
    const tool = TOOLS[params.name];
    if (!tool) throw new types.McpError(types.ErrorCode.InvalidParams, `Tool ${params.name} not found`);
    try {
      return { content: await tool[1](params.arguments ?? {}, extra) };
    } catch (error) {
      return { content: [text(error.message)], isError: true };
    }
  });
  on(types.ListResourcesRequestSchema, () => ({
    resources: Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({ uri, mimeType, name: uri.slice(7) })),
  }));
  on(types.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
  }));
  on(types.ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const templated = { mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
    const found = id ? templated : RESOURCES[uri];
    if (!found) throw new types.McpError(-32002, `Resource not found: ${uri}`);
    return { contents: [{ uri, ...found }] };
  });
  on(types.SubscribeRequestSchema, () => ({}));
  on(types.UnsubscribeRequestSchema, () => ({}));
  on(types.ListPromptsRequestSchema, () => ({
    prompts: Object.entries(PROMPTS).map(([name, [names]]) => ({
      name,
      description: `Tests ${name}`,
      arguments: names.map((name) => ({ name, required: true })),
    })),
  }));
  on(types.GetPromptRequestSchema, ({ params }) => ({ messages: PROMPTS[params.name][1](params.arguments ?? {}) }));
  on(types.CompleteRequestSchema, () => ({ completion: { values: ["paris", "park", "party"], total: 3, hasMore: false } }));
  on(types.SetLevelRequestSchema, () => ({}));
  return server;
}

/** Events in their order, by stream. */
function eventStore() {
  const events = [];
  return {
    async storeEvent(stream, message) {
      events.push([stream, message]);
      return String(events.length - 1);
    },
    async replayEventsAfter(last, { send }) {
      const from = Number(last);
      const [stream] = events[from] ?? [];
      for (const [n, [of, message]] of events.entries()) {
        if (n > from && of === stream && Object.keys(message).length > 0) await send(String(n), message);
      }
      return stream;
    },
  };
}

const sessions = new Map();
const app = createMcpExpressApp();
app.all("/mcp", async (request, response) => {
  const known = sessions.get(request.headers["mcp-session-id"]);
  if (known) return known.handleRequest(request, response, request.body);
  if (request.headers["mcp-session-id"]) {
    return response.status(404).json({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null });
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 500,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await serverOfOneSession().connect(transport);
  await transport.handleRequest(request, response, request.body);
});
const listening = app.listen(0, "127.0.0.1", () => console.log(listening.address().port));

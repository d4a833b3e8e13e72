// Runs conformance cases on the module for JavaScript hosts, in Node.
//
//   node run.mjs PACKAGE < cases.json > observed.json
//
// PACKAGE is the folder with the module's glue for Node. What a case is and what is observed of it:
// `src/cases/resolved.rs` and `src/runner/mod.rs`. There is no expectation in here.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const { Deputy } = createRequire(import.meta.url)(join(resolve(process.argv[2]), "deputy.js"));

const bytes = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const text = (base64) => Buffer.from(base64, "base64").toString("latin1");
const base64 = (data) => Buffer.from(data).toString("base64");
const pairs = (list) => list.map(([name, value]) => [bytes(name), bytes(value)]);
const join_ = (pieces) => Buffer.concat(pieces.map(bytes));

function run(case_) {
  let deputy;
  try {
    deputy = new Deputy(bytes(case_.configuration));
  } catch (error) {
    return { refused: String(error.message) };
  }
  const observed = { exchanges: [], faults: [] };
  const store = new Store();
  for (const exchange of case_.exchanges) {
    try {
      // As every host does, at the start and on every tick.
      const underWay = deputy.due(exchange.arrives);
      observed.exchanges.push(new Run(deputy, store, exchange).whole(bytes(case_.entropy), underWay));
    } catch (error) {
      observed.faults.push(String(error.stack));
    }
  }
  return observed;
}

// What all isolates share; here there is one.
class Store extends Map {
  put(name, value, version) {
    if (this.get(name)?.version !== version) return false;
    this.set(name, { value, version: (version ?? 0) + 1 });
    return true;
  }
}

class Run {
  constructor(deputy, store, exchange) {
    Object.assign(this, { deputy, store, exchange, answers: [...exchange.fetches], steps: [] });
  }

  whole(entropy, underWay) {
    const { headers, attributes, arrives } = this.exchange;
    let step = this.deputy.begin(pairs(headers), arrives, entropy, told(attributes, this.deputy.attributes));
    // Fetches that nobody waits for come back all the same.
    const wanted = step.fetch && key(step.fetch);
    for (const fetch of underWay) {
      if (key(fetch) !== wanted) this.absorb(fetch);
    }
    while (step.kind !== "decided" && step.kind !== "publish") {
      this.steps.push(step.kind);
      step = this[step.kind](step);
    }
    if (step.kind === "publish") {
      const client = this.replied(step.reply());
      return { upstream: null, client, receipts: [], logs: [], steps: this.steps };
    }
    return this.carryOut(step.decision());
  }

  fetch(step) {
    const absorbed = this.absorb(step.fetch);
    return this.deputy.resume(step, absorbed, this.exchange.fetched);
  }

  absorb(fetch, now = this.exchange.fetched, later = {}) {
    const document = later[fetch.cluster] ?? documentFor(this.exchange.documents, fetch);
    const answer = document ?? (this.answers.length > 1 ? this.answers.shift() : this.answers[0]);
    const answered = answer?.answered;
    const body = answered ? bytes(answered.body) : new Uint8Array();
    return this.deputy.absorb(fetch, answered?.status, body, now, pairs(answered?.headers ?? []));
  }

  // The background fetches of a tick while an answer is on its way.
  meanwhile() {
    const { answered, meanwhile } = this.exchange;
    if (Object.keys(meanwhile).length === 0) return;
    for (const fetch of this.deputy.due(answered)) this.absorb(fetch, answered, meanwhile);
  }

  recall(step) {
    const held = this.store.get(step.name);
    return this.deputy.recalled(step, held?.value, held?.version, this.exchange.fetched);
  }

  remember(step) {
    const written = this.store.put(step.name, step.value, step.version);
    return this.deputy.remembered(step, written, this.exchange.fetched);
  }

  body(step) {
    const body = join_(this.exchange.body ?? []).subarray(0, step.limit + 1);
    return this.deputy.provideBody(step, body, this.exchange.complete);
  }

  carryOut(decision) {
    const seen = { upstream: null, client: null, receipts: [decision.receipt], logs: [], steps: this.steps };
    if (decision.signal) seen.logs.push(`deputy-signal ${decision.signal}`);
    const forward = decision.takeForward();
    const reply = decision.takeReply();
    if (forward) {
      seen.upstream = this.forwarded(forward);
      seen.client = this.answered(forward.takeFilter(), seen.logs);
    }
    if (reply) {
      seen.client = this.replied(reply);
    }
    return seen;
  }

  replied(reply) {
    return { status: reply.status, headers: encoded(reply.headers), body: base64(reply.body) };
  }

  forwarded(forward) {
    const gone = new Set([...forward.remove, ...forward.set.map(([name]) => name)]);
    const kept = this.exchange.headers
      .map(([name, value]) => [base64(text(name).toLowerCase()), value])
      .filter(([name]) => !gone.has(text(name)));
    return { headers: [...kept, ...encoded(forward.set)], body: base64(forward.body ?? join_(this.exchange.body ?? [])) };
  }

  answered(filter, logs) {
    const { status, headers, body, trailers } = this.exchange.upstream;
    if (!filter) return { status, headers, body: base64(join_(body)) };
    const edits = filter.head(status, pairs(headers));
    const gone = [...edits.remove, ...edits.set.map(([name]) => name)];
    const kept = headers.filter(([name]) => !gone.includes(text(name).toLowerCase()));
    kept.push(...encoded(edits.set));
    const pieces = body.map((piece, number) => {
      if (number === 1) this.meanwhile();
      return filter.push(bytes(piece), false, this.exchange.answered);
    });
    if (body.length + trailers.length > 0) pieces.push(filter.push(new Uint8Array(), true, this.exchange.answered));
    logs.push(...filter.takeRecords().map((record) => `deputy-response ${record}`));
    return { status, headers: kept, body: base64(Buffer.concat(pieces)) };
  }
}

const USED = { answered: { status: 200, headers: [], body: base64(Buffer.from('{"status":"used"}')) } };

// As `src/cases/approvals.rs`: the approval service answers those who ask for what they say they ask for.
function documentFor(documents, fetch) {
  if (fetch.cluster !== "approvals" || !documents.approvals) {
    return documents[`${fetch.cluster} ${fetch.path}`] ?? documents[fetch.cluster];
  }
  const refused = { answered: { status: 422, headers: [], body: "" } };
  const type = fetch.headers.find(([name]) => name === "content-type")?.[1];
  if (fetch.method !== "PUT" || type !== "application/json" || !fetch.body) return refused;
  const question = JSON.parse(Buffer.from(fetch.body).toString("utf8"));
  const digest = createHash("sha256").update(canonical(question.binding)).digest("base64url");
  if (fetch.path !== `/v1/requests/${digest}` || !question.approvers.length) return refused;
  if (question.use) return documents["approvals use"] ?? USED;
  return (question.used && documents["approvals used"]) || documents.approvals;
}

// RFC 8785 of what a binding holds: objects, arrays, texts, integers.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

// Of what the host knows of the connection, what the engine asks for.
const told = (attributes, wanted) =>
  attributes.map(([name, value]) => [text(name), bytes(value)]).filter(([name]) => wanted.includes(name));
const key = (fetch) => [fetch.cluster, fetch.authority, fetch.path].join("\n");
const encoded = (headers) => headers.map(([name, value]) => [base64(name), base64(value)]);

const cases = JSON.parse(readFileSync(0, "utf8"));
const observed = Object.fromEntries(cases.map((case_) => [case_.name, run(case_)]));
process.stdout.write(JSON.stringify(observed));

/**
 * What every Node driver shares: a provider that keeps its spans, scenarios, and the file that the recorder reads.
 *
 * A driver names its scenarios with `scenario` and ends with `run`.  Each scenario is run once per plan (what the model
 * server answers) below a span of the application, and once without one.  The first line of the file says the versions,
 * each further line is one run: its spans, what the server served meanwhile, and the session id that the scenario set.
 *
 * RECORDING_SERVER is the model server's address, RECORDING_OUT the file to write.
 */
import fs from 'node:fs';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/** Address of the model server, without a path. */
export const URL_BASE = process.env.RECORDING_SERVER;
/** Words after the driver's name, for example which instrumentations, in their order. */
export const OPTIONS = process.argv.slice(2);

export const CLAUDE = 'claude-sonnet-4-5-20250929';
export const GPT = 'gpt-4o-mini';
export const GEMINI = 'gemini-2.5-flash';
export const BEDROCK_CLAUDE = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
export const EMBEDDING = 'text-embedding-3-small';

/** The most a scenario may take; a driver that hangs is a failed recording, not an endless one. */
const SCENARIO_LIMIT_MS = 60_000;
/** The most that spans may take to end after their scenario: streams are read to the end by copies of their own. */
const SETTLE_LIMIT_MS = 5_000;
/** How long no span may start or end for a scenario to count as over. */
const QUIET_MS = 60;

/** Span processor that keeps ended spans, and knows when the last one started or ended and how many are open. */
class Keeper {
  spans = [];
  open = 0;
  lastChange = Date.now();

  onStart() {
    this.open += 1;
    this.lastChange = Date.now();
  }

  onEnd(span) {
    this.open -= 1;
    this.keep(span);
  }

  /** Also the way in for exporters of frameworks that do not take a processor. */
  keep(span) {
    this.spans.push(span);
    this.lastChange = Date.now();
  }

  take() {
    const taken = this.spans;
    this.spans = [];
    return taken;
  }

  async forceFlush() {}
  async shutdown() {}
}

export const keeper = new Keeper();

/** Span exporter into the keeper, for frameworks that take an exporter only. */
export const exporter = {
  export(spans, done) {
    spans.forEach((span) => keeper.keep(span));
    done({ code: 0 });
  },
  async forceFlush() {},
  async shutdown() {},
};

/**
 * Make the global provider and return it; `processors` see spans before the keeper does, as those that rewrite them.  A
 * driver whose vendor has a provider of its own gives that the `keeper` instead.
 */
export function provider(...processors) {
  const made = new NodeTracerProvider({ spanProcessors: [...processors, keeper] });
  made.register();
  return made;
}

/** Span exporter that forgets, for vendors who would send spans away. */
export const nowhere = { export: (_, done) => done({ code: 0 }), forceFlush: async () => {}, shutdown: async () => {} };

const scenarios = [];
const flushes = [];
let named = [];

/** Add a scenario: an async function, run once for each plan; one named `session` returns the session id that it set. */
export function scenario(name, plans, body) {
  for (const plan of plans) scenarios.push({ name: `${name}/${plan}`, plan, body });
}

/** Call `flush` after each scenario, for frameworks that hold spans back. */
export function flushWith(flush) {
  flushes.push(flush);
}

/** Name the packages whose versions stand in the recording. */
export function versions(...packages) {
  named = packages;
}

/** `name version` of a package as it is installed here. */
function versionOf(name) {
  const { version } = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  return `${name} ${version}`;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The promise's result, or an error when it takes longer than the limit. */
async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function control(path, body) {
  const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(URL_BASE + path, request);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

/** Wait until `openSpans` spans are open and nothing has changed for a moment. */
async function settle(openSpans) {
  const start = Date.now();
  while (Date.now() - start < SETTLE_LIMIT_MS) {
    for (const flush of flushes) await flush();
    if (keeper.open <= openSpans && Date.now() - keeper.lastChange >= QUIET_MS) return;
    await pause(QUIET_MS / 3);
  }
}

/** Run a scenario's body to the end of its spans: its session id, or what it failed with. */
async function outcome(body, openSpans) {
  const result = {};
  try {
    const sessionId = await within(SCENARIO_LIMIT_MS, body());
    if (sessionId !== undefined) result.session_id = sessionId;
  } catch (error) {
    result.error = String(error);
  }
  await settle(openSpans);
  return result;
}

async function record({ name, plan, body }, rootless) {
  await control('/_plan', { name: plan });
  await control('/_served');
  keeper.take();
  const open = keeper.open;
  const result = rootless ? await outcome(body, open) : await belowApplication(body, open);
  const spans = keeper.take().map(asCase);
  const served = await control('/_served');
  return { scenario: name + (rootless ? '-rootless' : ''), plan, rootless, spans, served, ...result };
}

function belowApplication(body, open) {
  return trace.getTracer('app').startActiveSpan('app', async (span) => {
    const result = await outcome(body, open + 1);
    span.end();
    return result;
  });
}

/** Nanoseconds since the epoch as digits: they do not fit a number here. */
function nanoseconds([seconds, rest]) {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
}

/** Attributes without the holes that arrays may have here and cannot have on the wire. */
function plain(attributes) {
  const filled = ([key, value]) => [key, Array.isArray(value) ? value.filter((part) => part != null) : value];
  return Object.fromEntries(Object.entries(attributes ?? {}).map(filled));
}

function asCase(span) {
  const { spanId, traceId } = span.spanContext();
  const scope = span.instrumentationScope ?? span.instrumentationLibrary;
  return {
    name: span.name,
    id: spanId,
    parent: span.parentSpanContext?.spanId ?? span.parentSpanId ?? null,
    trace: traceId,
    kind: SpanKind[span.kind],
    scope: scope.name,
    scope_version: scope.version ?? '',
    attributes: plain(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      attributes: plain(event.attributes),
      time_ns: nanoseconds(event.time),
    })),
    status: { code: SpanStatusCode[span.status.code], description: span.status.message ?? null },
    start_ns: nanoseconds(span.startTime),
    end_ns: nanoseconds(span.endTime),
  };
}

/** A line of the file; times are numbers there, which JSON can hold and a number here cannot. */
function asLine(value) {
  return `${JSON.stringify(value).replace(/"(start_ns|end_ns|time_ns)":"(\d+)"/g, '"$1":$2')}\n`;
}

/** Record all scenarios, each below an application span and without one, and end the process whatever is left open. */
export async function run() {
  const out = fs.openSync(process.env.RECORDING_OUT, 'w');
  fs.writeSync(out, asLine({ versions: named.map(versionOf) }));
  for (const one of scenarios) {
    for (const rootless of [false, true]) fs.writeSync(out, asLine(await record(one, rootless)));
  }
  fs.closeSync(out);
  process.exit(0);
}

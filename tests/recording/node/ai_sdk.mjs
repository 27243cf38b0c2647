/**
 * The AI SDK's own telemetry: versions 4 to 6 (`experimental_telemetry`) and 7 (`@ai-sdk/otel`), as it is or rewritten.
 *
 * Options: the major version, then for 7 the integrations to register, in order; `openinference` or `openllmetry` for the
 * span processor of that vendor, which writes its own attributes on the AI SDK's spans.
 */
import * as ai from 'ai';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import * as google from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { z } from 'zod';
import {
  BEDROCK_CLAUDE,
  CLAUDE,
  EMBEDDING,
  GEMINI,
  GPT,
  OPTIONS,
  URL_BASE,
  nowhere,
  provider,
  run,
  scenario,
  versions,
} from './_harness.mjs';

const MAJOR = Number(OPTIONS[0]);
const VENDORS = ['openinference', 'openllmetry'];
const VENDOR = OPTIONS.find((word) => VENDORS.includes(word));
const INTEGRATIONS = OPTIONS.slice(1).filter((word) => !VENDORS.includes(word));
const VENDOR_PACKAGES = { openinference: ['@arizeai/openinference-vercel'], openllmetry: ['@traceloop/node-server-sdk'] };

if (VENDOR === 'openinference') {
  const { OpenInferenceSimpleSpanProcessor } = await import('@arizeai/openinference-vercel');
  provider(new OpenInferenceSimpleSpanProcessor({ exporter: nowhere }));
} else if (VENDOR === 'openllmetry') {
  const { traceloop } = await import('./_instrumentations.mjs');
  traceloop();
} else {
  provider();
}
if (INTEGRATIONS.length > 0) {
  const otel = await import('@ai-sdk/otel');
  // without the first the run's context, and so the session id, is not written; OpenInference asks for the others, too
  const wanted = { runtimeContext: true, ...(VENDOR === 'openinference' ? { usage: true, providerMetadata: true } : {}) };
  ai.registerTelemetry(...INTEGRATIONS.map((name) => new otel[name](wanted)));
}

/** Clients of the model server, one a provider; bedrock signs its requests with keys that nobody checks. */
const openai = createOpenAI({ apiKey: 'none', baseURL: `${URL_BASE}/v1` });
const anthropic = createAnthropic({ apiKey: 'none', baseURL: `${URL_BASE}/v1` });
const gemini = google.createGoogleGenerativeAI({ apiKey: 'none', baseURL: `${URL_BASE}/v1beta` });
const bedrock = createAmazonBedrock({
  region: 'us-east-1',
  accessKeyId: 'none',
  secretAccessKey: 'none',
  baseURL: URL_BASE,
});

const chat = MAJOR === 4 ? openai(GPT) : openai.chat(GPT);
const responses = openai.responses(GPT);
const claude = anthropic(CLAUDE);
const embedding = openai.textEmbeddingModel?.(EMBEDDING) ?? openai.embedding(EMBEDDING);

/** Telemetry is asked for call by call before 7, and on by itself from 7 on. */
const TELEMETRY = MAJOR >= 7 ? {} : { experimental_telemetry: { isEnabled: true } };
const LOOP = MAJOR === 4 ? { maxSteps: 3 } : { stopWhen: (ai.isStepCount ?? ai.stepCountIs)(3) };

const generate = (model, more = {}) => ai.generateText({ model, prompt: 'hi', ...TELEMETRY, ...more });

async function stream(model, more = {}) {
  const result = ai.streamText({ model, prompt: 'hi', ...TELEMETRY, ...more });
  for await (const _ of result.textStream);
}

function tools(execute) {
  const schema = z.object({ city: z.string() });
  const weather = ai.tool({ description: 'the weather', parameters: schema, inputSchema: schema, execute });
  return { tools: { weather }, ...LOOP };
}

const weather = async () => 'sunny';
const weatherByModel = async () => (await generate(claude)).text;

/** What puts a session id on the spans: metadata before 7, the run's context from 7 on. */
function session(id) {
  if (MAJOR < 7) return { experimental_telemetry: { isEnabled: true, metadata: { sessionId: id } } };
  return { runtimeContext: { sessionId: id }, telemetry: { includeRuntimeContext: { sessionId: true } } };
}

scenario('openai', ['plain', 'reasoning', 'failure', 'error'], () => generate(chat).then(() => {}));
scenario('openai-stream', ['cached'], () => stream(chat));
scenario('openai-responses', ['cached'], () => generate(responses).then(() => {}));
scenario('anthropic', ['cached', 'cached_large', 'split'], () => generate(claude).then(() => {}));
scenario('anthropic-stream', ['cached'], () => stream(claude));
scenario('google', ['reasoning'], () => generate(gemini(GEMINI)).then(() => {}));
scenario('bedrock', ['cached'], () => generate(bedrock(BEDROCK_CLAUDE)).then(() => {}));
scenario('tool', ['cached'], () => generate(claude, tools(weather)).then(() => {}));
scenario('tool-nested', ['cached'], () => generate(claude, tools(weatherByModel)).then(() => {}));
scenario('tool-stream', ['cached'], () => stream(claude, tools(weather)));
scenario('object', ['cached'], async () => {
  await ai.generateObject({ model: chat, prompt: 'hi', schema: z.object({ city: z.string() }), ...TELEMETRY });
});
scenario('embeddings', ['plain'], async () => {
  await ai.embed({ model: embedding, value: 'one', ...TELEMETRY });
  await ai.embedMany({ model: embedding, values: ['one', 'two'], ...TELEMETRY });
});
scenario('parallel', ['cached'], async () => {
  await Promise.all([generate(claude), generate(claude)]);
});
scenario('session', ['plain'], async () => {
  await generate(chat, session('chat-ai-sdk'));
  return 'chat-ai-sdk';
});

const packages = ['ai', '@ai-sdk/amazon-bedrock', '@ai-sdk/anthropic', '@ai-sdk/google', '@ai-sdk/openai'];
versions(...packages, ...(MAJOR >= 7 ? ['@ai-sdk/otel'] : []), ...(VENDOR_PACKAGES[VENDOR] ?? []));
await run();

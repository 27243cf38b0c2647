/**
 * Mastra agents and workflows, through its OpenTelemetry exporter or its bridge.
 *
 * Options: `exporter` or `bridge`.  The exporter's spans belong to no OpenTelemetry context, so there the application's
 * span is handed to Mastra by its tracing options.
 */
import { trace } from '@opentelemetry/api';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { Agent } from '@mastra/core/agent';
import { Mastra } from '@mastra/core/mastra';
import { createTool } from '@mastra/core/tools';
import { createStep, createWorkflow } from '@mastra/core/workflows';
import { Observability } from '@mastra/observability';
import { z } from 'zod';
import { CLAUDE, GPT, OPTIONS, URL_BASE, exporter, flushWith, provider, run, scenario, versions } from './_harness.mjs';

const [WAY] = OPTIONS;
provider();

/** The part of Mastra's observability configuration that leads to OpenTelemetry. */
async function way() {
  if (WAY === 'bridge') {
    const { OtelBridge } = await import('@mastra/otel-bridge');
    return { bridge: new OtelBridge() };
  }
  const { OtelExporter } = await import('@mastra/otel-exporter');
  const sink = new OtelExporter({ exporter, signals: { logs: false }, provider: { custom: { endpoint: URL_BASE } } });
  flushWith(() => sink.flush());
  return { exporters: [sink] };
}

const openai = createOpenAI({ apiKey: 'none', baseURL: `${URL_BASE}/v1` });
const anthropic = createAnthropic({ apiKey: 'none', baseURL: `${URL_BASE}/v1` });

const city = z.object({ city: z.string() });
const weather = createTool({
  id: 'weather',
  description: 'the weather',
  inputSchema: city,
  outputSchema: z.object({ sky: z.string() }),
  execute: async () => ({ sky: 'sunny' }),
});

function agent(id, model, tools = {}) {
  return new Agent({ id, name: id, instructions: 'be brief', model, tools, maxRetries: 2 });
}

const ask = createStep({
  id: 'ask',
  inputSchema: city,
  outputSchema: z.object({ text: z.string() }),
  execute: async ({ inputData, mastra: inside, tracingContext }) => {
    const answer = await inside.getAgent('claude').generate(inputData.city, { tracingContext });
    return { text: answer.text };
  },
});
const forecast = createWorkflow({ id: 'forecast', inputSchema: city, outputSchema: z.object({ text: z.string() }) })
  .then(ask)
  .commit();

const mastra = new Mastra({
  logger: false,
  agents: {
    gpt: agent('gpt', openai.chat(GPT)),
    responses: agent('responses', openai.responses(GPT)),
    claude: agent('claude', anthropic(CLAUDE)),
    tools: agent('tools', anthropic(CLAUDE), { weather }),
  },
  workflows: { forecast },
  observability: new Observability({ configs: { default: { serviceName: 'app', ...(await way()) } } }),
});

/** Options for a run: below the application's span, if there is one, and with `metadata` on the root of its trace. */
function below(metadata) {
  const above = WAY === 'exporter' ? trace.getActiveSpan()?.spanContext() : undefined;
  const parent = above ? { traceId: above.traceId, parentSpanId: above.spanId } : {};
  return { tracingOptions: { ...parent, ...(metadata ? { metadata } : {}) } };
}

const generate = (name, metadata) => mastra.getAgent(name).generate('hi', below(metadata));

async function stream(name) {
  const result = await mastra.getAgent(name).stream('hi', below());
  for await (const _ of result.textStream);
}

const discard = (promise) => promise.then(() => {});

scenario('openai', ['plain', 'reasoning', 'failure', 'error'], () => discard(generate('gpt')));
scenario('openai-responses', ['cached'], () => discard(generate('responses')));
scenario('openai-stream', ['cached'], () => stream('gpt'));
scenario('anthropic', ['cached', 'cached_large', 'split'], () => discard(generate('claude')));
scenario('anthropic-stream', ['cached'], () => stream('claude'));
scenario('tool', ['cached'], () => discard(generate('tools')));
scenario('tool-stream', ['cached'], () => stream('tools'));
scenario('parallel', ['plain'], () => discard(Promise.all([generate('gpt'), generate('gpt')])));
scenario('workflow', ['cached'], async () => {
  const started = await mastra.getWorkflow('forecast').createRun();
  await started.start({ inputData: { city: 'Paris' }, ...below() });
});
scenario('session', ['plain'], async () => {
  await generate('gpt', { threadId: 'chat-mastra' });
  return 'chat-mastra';
});

versions('@mastra/core', '@mastra/observability', `@mastra/otel-${WAY}`, '@ai-sdk/anthropic', '@ai-sdk/openai');
await run();

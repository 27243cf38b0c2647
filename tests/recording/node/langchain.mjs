/** LangChain.js (models, chains, agents) under OpenInference and Traceloop; options: which of them, in order. */
import { CLAUDE, GPT, OPTIONS, URL_BASE, run, scenario, versions } from './_harness.mjs';
import { instrument, instrumentationPackages, load } from './_instrumentations.mjs';

const PACKAGES = {
  openllmetry: ['@traceloop/instrumentation-langchain'],
  openinference: ['@arizeai/openinference-instrumentation-langchain', 'LangChainInstrumentation'],
};
const inSession = instrument(OPTIONS, PACKAGES);
const { ChatAnthropic } = load('@langchain/anthropic');
const { ChatOpenAI } = load('@langchain/openai');
const { ChatPromptTemplate } = load('@langchain/core/prompts');
const { StringOutputParser } = load('@langchain/core/output_parsers');
const { tool } = load('@langchain/core/tools');
const { createAgent } = load('langchain');
const { z } = load('zod');

const OPENAI = { apiKey: 'none', configuration: { baseURL: `${URL_BASE}/v1` } };
const openai = new ChatOpenAI({ model: GPT, ...OPENAI });
const responses = new ChatOpenAI({ model: GPT, useResponsesApi: true, ...OPENAI });
const claude = new ChatAnthropic({ model: CLAUDE, apiKey: 'none', anthropicApiUrl: URL_BASE, maxTokens: 64 });

const weather = tool(async () => 'sunny', {
  name: 'weather',
  description: 'the weather',
  schema: z.object({ city: z.string() }),
});
const chain = ChatPromptTemplate.fromTemplate('say {word}').pipe(openai).pipe(new StringOutputParser());

async function drain(stream) {
  for await (const _ of await stream);
}

const agent = (model) => createAgent({ model, tools: [weather] }).invoke({ messages: [{ role: 'user', content: 'hi' }] });
const discard = (promise) => promise.then(() => {});

scenario('openai', ['plain', 'reasoning', 'failure', 'error'], () => discard(openai.invoke('hi')));
scenario('openai-stream', ['cached'], () => drain(openai.stream('hi')));
scenario('responses', ['cached'], () => discard(responses.invoke('hi')));
scenario('anthropic', ['cached', 'cached_large', 'split'], () => discard(claude.invoke('hi')));
scenario('anthropic-stream', ['cached'], () => drain(claude.stream('hi')));
scenario('chain', ['cached'], () => discard(chain.invoke({ word: 'hi' })));
scenario('agent', ['cached'], () => discard(agent(openai)));
scenario('agent-anthropic', ['cached'], () => discard(agent(claude)));
scenario('parallel', ['plain'], () => discard(openai.batch(['one', 'two'])));
scenario('session', ['plain'], async () => {
  await inSession('chat-langchain', () => chain.invoke({ word: 'hi' }));
  return 'chat-langchain';
});
// only OpenInference reads it, and Traceloop's spans may be in traces of their own
if (!OPTIONS.includes('openllmetry')) {
  scenario('session-metadata', ['plain'], async () => {
    await chain.invoke({ word: 'hi' }, { metadata: { session_id: 'chat-metadata' } });
    return 'chat-metadata';
  });
}

versions('@langchain/core', '@langchain/anthropic', '@langchain/openai', 'langchain', ...instrumentationPackages(OPTIONS, PACKAGES));
await run();

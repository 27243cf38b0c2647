/** The Anthropic client under OpenInference and Traceloop; options: which of them, in order. */
import { CLAUDE, OPTIONS, URL_BASE, run, scenario, versions } from './_harness.mjs';
import { instrument, instrumentationPackages, load } from './_instrumentations.mjs';

const PACKAGES = {
  openllmetry: ['@traceloop/instrumentation-anthropic'],
  openinference: ['@arizeai/openinference-instrumentation-anthropic', 'AnthropicInstrumentation'],
};
const inSession = instrument(OPTIONS, PACKAGES);
const { Anthropic } = load('@anthropic-ai/sdk');

const client = new Anthropic({ apiKey: 'none', baseURL: URL_BASE });
const QUESTION = { role: 'user', content: 'hi' };
const WEATHER = {
  name: 'weather',
  description: 'the weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const request = (more = {}) => ({ model: CLAUDE, max_tokens: 64, messages: [QUESTION], ...more });
const ask = (more) => client.messages.create(request(more));

async function drain(stream) {
  for await (const _ of await stream);
}

/** Ask, call the tool that the model asks for, and hand its result back. */
async function toolLoop() {
  const { content } = await ask({ tools: [WEATHER] });
  const results = content
    .filter(({ type }) => type === 'tool_use')
    .map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'sunny' }));
  const messages = [QUESTION, { role: 'assistant', content }, { role: 'user', content: results }];
  await ask({ tools: [WEATHER], messages });
}

const discard = (promise) => promise.then(() => {});

scenario('messages', ['plain', 'cached', 'cached_large', 'split', 'failure', 'error'], () => discard(ask()));
scenario('messages', ['reasoning'], () => discard(ask({ max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 } })));
scenario('stream', ['plain', 'cached'], () => drain(ask({ stream: true })));
scenario('stream-helper', ['cached'], () => discard(client.messages.stream(request()).finalMessage()));
scenario('tool', ['cached'], toolLoop);
scenario('parallel', ['cached'], () => discard(Promise.all([ask(), ask()])));
scenario('session', ['plain'], async () => {
  await inSession('chat-anthropic', () => ask());
  return 'chat-anthropic';
});

versions('@anthropic-ai/sdk', ...instrumentationPackages(OPTIONS, PACKAGES));
await run();

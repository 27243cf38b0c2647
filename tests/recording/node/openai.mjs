/** The OpenAI client under OpenInference, Traceloop and OpenTelemetry's own instrumentation; options: which, in order. */
import { EMBEDDING, GPT, OPTIONS, URL_BASE, run, scenario, versions } from './_harness.mjs';
import { instrument, instrumentationPackages, load } from './_instrumentations.mjs';

const PACKAGES = {
  openllmetry: ['@traceloop/instrumentation-openai'],
  openinference: ['@arizeai/openinference-instrumentation-openai', 'OpenAIInstrumentation'],
  contrib: ['@opentelemetry/instrumentation-openai', 'OpenAIInstrumentation'],
};
const inSession = instrument(OPTIONS, PACKAGES);
const { OpenAI } = load('openai');

const client = new OpenAI({ apiKey: 'none', baseURL: `${URL_BASE}/v1` });
const QUESTION = { role: 'user', content: 'hi' };
const STREAMED = { stream: true, stream_options: { include_usage: true } };
const WEATHER = {
  name: 'weather',
  description: 'the weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const chat = (more = {}) => client.chat.completions.create({ model: GPT, messages: [QUESTION], ...more });
const respond = (more = {}) => client.responses.create({ model: GPT, input: 'hi', ...more });

async function drain(stream) {
  for await (const _ of await stream);
}

/** Ask, call the tool that the model asks for, and hand its result back. */
async function toolLoop() {
  const tools = [{ type: 'function', function: WEATHER }];
  const { message } = (await chat({ tools })).choices[0];
  const results = message.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'sunny' }));
  await chat({ tools, messages: [QUESTION, message, ...results] });
}

async function responsesToolLoop() {
  const tools = [{ type: 'function', strict: false, ...WEATHER }];
  const first = await respond({ tools });
  const results = first.output
    .filter(({ type }) => type === 'function_call')
    .map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'sunny' }));
  await respond({ tools, input: [QUESTION, ...first.output, ...results] });
}

const discard = (promise) => promise.then(() => {});

scenario('chat', ['plain', 'cached', 'reasoning', 'failure'], () => discard(chat()));
// the others never end the span of a call that failed for good
if (OPTIONS.includes('contrib')) scenario('chat', ['error'], () => discard(chat()));
scenario('chat-stream', ['cached', 'reasoning'], () => drain(chat(STREAMED)));
scenario('chat-stream-no-usage', ['plain'], () => drain(chat({ stream: true })));
scenario('chat-tool', ['cached'], toolLoop);
scenario('responses', ['cached', 'reasoning'], () => discard(respond()));
scenario('responses-stream', ['cached'], () => drain(respond({ stream: true })));
scenario('responses-tool', ['cached'], responsesToolLoop);
// Traceloop's does not know embeddings
if (OPTIONS.some((word) => word !== 'openllmetry')) {
  scenario('embeddings', ['plain'], () => discard(client.embeddings.create({ model: EMBEDDING, input: ['one', 'two'] })));
}
scenario('parallel', ['plain'], () => discard(Promise.all([chat(), chat()])));
if (inSession) {
  scenario('session', ['plain'], async () => {
    await inSession('chat-openai', () => chat());
    return 'chat-openai';
  });
}

versions('openai', ...instrumentationPackages(OPTIONS, PACKAGES));
await run();

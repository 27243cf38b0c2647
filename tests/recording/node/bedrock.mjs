/** Amazon's Bedrock client under OpenInference and Traceloop; options: which of them, in order. */
import { BEDROCK_CLAUDE, OPTIONS, URL_BASE, run, scenario, versions } from './_harness.mjs';
import { instrument, instrumentationPackages, load } from './_instrumentations.mjs';

const PACKAGES = {
  openllmetry: ['@traceloop/instrumentation-bedrock'],
  openinference: ['@arizeai/openinference-instrumentation-bedrock', 'BedrockInstrumentation'],
};
const inSession = instrument(OPTIONS, PACKAGES);
const bedrock = load('@aws-sdk/client-bedrock-runtime');
const { NodeHttpHandler } = load('@smithy/node-http-handler');

/** By default the client speaks HTTP/2, which the model server does not. */
const client = new bedrock.BedrockRuntimeClient({
  region: 'us-east-1',
  endpoint: URL_BASE,
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  requestHandler: new NodeHttpHandler(),
});

/** A model that is called by its own id; the one of the other drivers is called by that of an inference profile. */
const MODEL = 'anthropic.claude-3-5-haiku-20241022-v1:0';
const QUESTION = { role: 'user', content: [{ text: 'hi' }] };
const TOOLS = {
  tools: [
    {
      toolSpec: {
        name: 'weather',
        description: 'the weather',
        inputSchema: { json: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
      },
    },
  ],
};
const INVOKED = {
  modelId: MODEL,
  contentType: 'application/json',
  body: JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'hi' }],
  }),
};

const conversation = (more = {}) => ({ modelId: MODEL, messages: [QUESTION], ...more });
const converse = (more) => client.send(new bedrock.ConverseCommand(conversation(more)));
const invoke = (more = {}) => client.send(new bedrock.InvokeModelCommand({ ...INVOKED, ...more }));

async function converseStream() {
  const { stream } = await client.send(new bedrock.ConverseStreamCommand(conversation()));
  for await (const _ of stream);
}

async function invokeStream() {
  const { body } = await client.send(new bedrock.InvokeModelWithResponseStreamCommand(INVOKED));
  for await (const _ of body);
}

/** Ask, call the tool that the model asks for, and hand its result back. */
async function toolLoop() {
  const { message } = (await converse({ toolConfig: TOOLS })).output;
  const results = message.content
    .filter(({ toolUse }) => toolUse)
    .map(({ toolUse }) => ({ toolResult: { toolUseId: toolUse.toolUseId, content: [{ text: 'sunny' }] } }));
  await converse({ toolConfig: TOOLS, messages: [QUESTION, message, { role: 'user', content: results }] });
}

const discard = (promise) => promise.then(() => {});

scenario('converse', ['plain', 'cached', 'cached_large', 'failure'], () => discard(converse()));
scenario('converse-stream', ['cached'], converseStream);
scenario('invoke', ['plain', 'cached', 'cached_large', 'split', 'error'], () => discard(invoke()));
scenario('invoke-profile', ['plain'], () => discard(invoke({ modelId: BEDROCK_CLAUDE })));
scenario('invoke-stream', ['cached'], invokeStream);
scenario('tool', ['cached'], toolLoop);
scenario('parallel', ['plain'], () => discard(Promise.all([invoke(), invoke()])));
scenario('session', ['plain'], async () => {
  await inSession('chat-bedrock', () => invoke());
  return 'chat-bedrock';
});

versions('@aws-sdk/client-bedrock-runtime', ...instrumentationPackages(OPTIONS, PACKAGES));
await run();

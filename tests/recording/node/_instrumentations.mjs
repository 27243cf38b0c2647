/**
 * The instrumentations of Node's client libraries, named on the command line and put on in that order.
 *
 * All of them patch a library when it is required, so drivers load theirs with `load` afterwards.
 */
import { createRequire } from 'node:module';
import { context } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { keeper, nowhere, provider } from './_harness.mjs';

/** `require`, which the instrumentations watch. */
export const load = createRequire(import.meta.url);

/**
 * Traceloop's SDK makes a provider of its own, with the keeper behind its processor, and finds the libraries itself.  The
 * result runs a body in a session.
 */
export function traceloop() {
  const sdk = load('@traceloop/node-server-sdk');
  sdk.initialize({
    apiKey: 'none',
    exporter: nowhere,
    disableBatch: true,
    processor: keeper,
    traceloopSyncEnabled: false,
    silenceInitializationMessage: true,
  });
  return (id, body) => sdk.withAssociationProperties({ [sdk.AssociationProperty.SESSION_ID]: id }, body);
}

/** An OpenInference instrumentation, with the session id that its core package puts into the context. */
function openInference([name, type], tracerProvider) {
  new (load(name)[type])({ tracerProvider });
  const { setSession } = load('@arizeai/openinference-core');
  return (id, body) => context.with(setSession(context.active(), { sessionId: id }), body);
}

/** OpenTelemetry's own instrumentation, which knows no sessions. */
function contrib([name, type], tracerProvider) {
  registerInstrumentations({ instrumentations: [new (load(name)[type])()], tracerProvider });
  return null;
}

/**
 * Put on the instrumentations that `words` name (`openllmetry`, `openinference`, `contrib`); `packages` has the package
 * and class of the latter two for this library.  The result runs a body in a session by all their means, or is null when
 * none of them has any.
 */
export function instrument(words, packages) {
  const own = words.includes('openllmetry') ? undefined : provider();
  const puttingOn = {
    openllmetry: traceloop,
    openinference: () => openInference(packages.openinference, own),
    contrib: () => contrib(packages.contrib, own),
  };
  const sessions = words.map((word) => puttingOn[word]()).filter(Boolean);
  if (sessions.length === 0) return null;
  return (id, body) => sessions.reduce((inner, session) => () => session(id, inner), body)();
}

/** The packages of these instrumentations, whose versions a recording names. */
export function instrumentationPackages(words, packages) {
  const traceloopOwn = ['@traceloop/node-server-sdk', ...(packages.openllmetry ?? [])];
  const named = { openllmetry: traceloopOwn, openinference: [packages.openinference?.[0]], contrib: [packages.contrib?.[0]] };
  return words.flatMap((word) => named[word]);
}

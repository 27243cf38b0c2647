// Sends the same session by both exporters of OpenTelemetry for Node, with and without gzip.
// usage: NODE_PATH=.../node_modules node otlp_exporters.cjs http://127.0.0.1:4318/v1/traces
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { context, trace } = require("@opentelemetry/api");

const exporters = {
  json: require("@opentelemetry/exporter-trace-otlp-http").OTLPTraceExporter,
  protobuf: require("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter,
};

async function send(name, Exporter, compression) {
  const exporter = new Exporter({ url: process.argv[2], compression });
  const failures = [];
  const checked = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.code !== 0) failures.push(result.error);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(checked)] });
  const tracer = provider.getTracer("test");
  const root = tracer.startSpan("chat", { attributes: { "session.id": `node ${name} ${compression}` } });
  const below = trace.setSpan(context.active(), root);
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.response.finish_reasons": ["stop"],
    "server.address": "b\u00fccher.example \u{1F600}",
  };
  tracer.startSpan("chat gpt-4o", { attributes }, below).end();
  root.end();
  await provider.forceFlush();
  await provider.shutdown();
  if (failures.length) throw failures[0];
}

(async () => {
  for (const [name, Exporter] of Object.entries(exporters)) {
    await send(name, Exporter, "none");
    await send(name, Exporter, "gzip");
  }
})();

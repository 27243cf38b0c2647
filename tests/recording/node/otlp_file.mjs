/** Prints a trace as the JavaScript SDK's own OTLP/JSON; see `tests/support/otlp_golden.py`. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'shop' }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
const tracer = provider.getTracer('golden', '1.0');
const remote = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
const root = tracer.startSpan('agent', { attributes: { 'session.id': 's1' } }, trace.setSpanContext(ROOT_CONTEXT, remote));
const below = trace.setSpan(ROOT_CONTEXT, root);
const call = { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 100, 'gen_ai.request.temperature': 0.5 };
const reasons = { 'gen_ai.response.finish_reasons': ['stop'], streamed: true };
tracer.startSpan('chat', { kind: SpanKind.CLIENT, attributes: { ...call, ...reasons } }, below).end();
const tool = tracer.startSpan('tool', {}, below);
tool.addEvent('exception', { 'exception.type': 'Error' });
tool.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' });
tool.end();
root.end();
process.stdout.write(`${new TextDecoder().decode(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans()))}\n`);

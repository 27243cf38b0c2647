"""Files of spans: formats in, ``SpanData`` out, and OTLP with totals back."""

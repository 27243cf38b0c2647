"""What the OpenTelemetry SDK calls, and the threads behind it: from ended spans to spans that are exported."""

"""What the OpenTelemetry SDK calls, and the threads behind it."""

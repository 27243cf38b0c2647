"""The SDK's spans: read them, make them; no other room knows their classes."""

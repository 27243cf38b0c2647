"""The server: OTLP/HTTP in, the API, the page, and who may use them.

One process listens; nothing is built of a request before its size is known to be bounded.
"""

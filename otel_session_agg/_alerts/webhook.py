"""A webhook: JSON by POST, signed as Standard Webhooks (standardwebhooks.com) has it.

======================= ===========================================================================
``webhook-id``          of the notification, the same each time that it is tried: a receiver that
                        has seen it ignores it
``webhook-timestamp``   when it was tried, seconds since the Unix epoch: a receiver refuses old ones
``webhook-signature``   ``v1,`` and the Base64 of the HMAC-SHA256 of ``id.timestamp.body``
======================= ===========================================================================

The key is the secret, or what the Base64 after ``whsec_`` says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from otel_session_agg._alerts.channels import Channel
from otel_session_agg._alerts.http_post import Answer, post
from otel_session_agg._alerts.message import as_values
from otel_session_agg._alerts.notifications import Notification

_ENCODED = "whsec_"


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for."""
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signature(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a body that is sent at a time."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def send(channel: Channel, given: Notification, now: float) -> Answer:
    """Send a notification to a webhook."""
    body = json.dumps(as_values(given), separators=(",", ":")).encode()
    timestamp = int(now)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "otel-session-agg",
        "webhook-id": given.id,
        "webhook-timestamp": str(timestamp),
    }
    if channel.secret:
        headers["webhook-signature"] = signature(channel.secret, given.id, timestamp, body)
    return post(channel.url, body, headers)

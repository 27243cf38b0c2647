"""Decide what a call must state about audio, images and searches before it can be priced.

Most calls are text: other modalities that they do not state are none.  Of a model that is made for
another modality that cannot be assumed: the price of text is up to twelve times too low.

- Where the table has a price of its own for audio or images that the model generates, the call must
  state how many of its output tokens they were; on such voice models, and on those that transcribe
  speech, also how many input tokens were audio.
- Where a model's name contains audio or images and the table has no price for them, the call must
  state that it had none.
- A call of a model that always searches must state how often it did.
- Models that generate nothing else (speech from text, images) have one price of output, and need
  not state that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_session_agg._model.span import Usage

__all__ = ["Demands", "demands", "with_output_type"]


class Demands(NamedTuple):
    """Fields of a call's usage that its price needs."""

    stated: tuple[str, ...] = ()
    """Fields that must be stated."""
    absent: tuple[str, ...] = ()
    """Fields that must be stated as 0."""


_SPEAKS = re.compile(r"(?:^|[-./_])(?:audio|realtime|live|sonic|voice|speech)(?:$|[-._:])")
_WRITES_DOWN = re.compile(r"transcri|whisper|voxtral|(?:^|[-./_])(?:asr|stt)(?:$|[-._:])")
_READS_OUT = re.compile(r"(?:^|[-./_])tts(?:$|[-._:])")
_DRAWS = re.compile(r"(?:^|[-./_])images?(?:$|[-._:])|nano-banana")
_ONLY_DRAWS = re.compile(r"gpt-image|chatgpt-image|dall-e|imagen|flux|stable-")

_ALWAYS_SEARCHES = re.compile(r"-search-(?:preview|api)(?:$|[- ])")

_SEARCHES = "web_searches"
_AUDIO_IN, _AUDIO_OUT = "audio_prompt_tokens", "audio_completion_tokens"
_IMAGE_IN, _IMAGE_OUT = "image_prompt_tokens", "image_completion_tokens"


def demands(
    model: str, prices: Mapping[str, Any], output_type: str, called: str = ""
) -> Demands | None:
    """Return what a call of a model must state, or ``None`` if it cannot be priced at all.

    Args:
        model: The model's id in the price table.
        prices: Its prices, by the names of genai-prices.
        output_type: The requested type of output, in lower case, or empty.
        called: The model as the call names it.

    """
    name = model.lower()
    if not prices:
        return Demands()
    if "output_video_mtok" in prices and output_type not in {"text", "json"}:
        return None
    if "output_citation_mtok" in prices:  # no span states how many
        return None
    stated: list[str] = [_SEARCHES] if _ALWAYS_SEARCHES.search(f"{name} {called}") else []
    absent: list[str] = []
    listens = "input_audio_mtok" in prices
    if "output_audio_mtok" in prices:
        stated += [_AUDIO_OUT, *([_AUDIO_IN] if listens else [])]
    elif _WRITES_DOWN.search(name) or any(key.endswith("audio_hours") for key in prices):
        (stated if listens else absent).append(_AUDIO_IN)
    elif _SPEAKS.search(name) and not _READS_OUT.search(name) and "output_video_mtok" not in prices:
        absent += [_AUDIO_IN, _AUDIO_OUT]
    if "output_image_mtok" in prices:
        stated.append(_IMAGE_OUT)
    elif _DRAWS.search(name) and not _ONLY_DRAWS.search(name):
        absent.append(_IMAGE_OUT)
    if "input_image_mtok" in prices and _DRAWS.search(name):
        stated.append(_IMAGE_IN)
    return Demands(tuple(stated), tuple(absent))


_OUTPUT_PARTS = {
    "image": "image_completion_tokens",
    "audio": "audio_completion_tokens",
    "speech": "audio_completion_tokens",
}
"""The tokens that an output of one type consists of, beside reasoning, which is text."""


def with_output_type(usage: Usage, output_type: str) -> Usage:
    """Return a call's usage with the parts of its output that follow from the requested type."""
    kind, completion = output_type.strip().lower(), usage.completion_tokens
    if completion is None or (kind not in _OUTPUT_PARTS and kind not in {"text", "json"}):
        return usage
    counts = dict.fromkeys(_OUTPUT_PARTS.values(), 0)
    if kind in _OUTPUT_PARTS:
        counts[_OUTPUT_PARTS[kind]] = max(completion - (usage.reasoning_tokens or 0), 0)
    missing = {name: count for name, count in counts.items() if getattr(usage, name) is None}
    return usage._replace(**missing)

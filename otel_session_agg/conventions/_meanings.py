"""What an attribute can say about its span."""

from __future__ import annotations

from typing import Final


class Meaning:
    """What an attribute says about its span: plain numbers, since an enum's members are read twenty times slower."""

    KIND: Final = 0
    PROMPT: Final = 1
    COMPLETION: Final = 2
    TOTAL: Final = 3
    CACHE_READ: Final = 4
    CACHE_WRITE: Final = 5
    CACHE_WRITE_5M: Final = 6
    CACHE_WRITE_1H: Final = 7
    REASONING: Final = 8
    AUDIO_PROMPT: Final = 9
    AUDIO_COMPLETION: Final = 10
    AUDIO_CACHE_READ: Final = 11
    UNCACHED: Final = 12
    """The part of the prompt that was neither read from nor written to a cache."""
    EXCLUSIVE: Final = 13
    """A flag: the prompt count leaves the cached part out."""
    USAGE_TEXT: Final = 14
    """Usage as JSON or Python ``repr``."""
    COST: Final = 15
    COST_TEXT: Final = 16
    COST_PART: Final = 17
    """A part of the cost; all parts of one convention are added."""
    COST_CURRENCY: Final = 18
    CACHE_HIT: Final = 19
    """A flag: the answer came from a response cache, so a cost of 0 is meant."""
    RESPONSE_MODEL: Final = 20
    REQUEST_MODEL: Final = 21
    PROVIDER: Final = 22
    RESPONSE_ID: Final = 23
    SERVICE_TIER: Final = 24
    SERVER_ADDRESS: Final = 25
    SESSION: Final = 26
    OUTPUT: Final = 27
    ERROR_TYPE: Final = 28
    FEEDBACK: Final = 29
    CONTENT: Final = 30
    """Its presence shows messages: with a model name, a model call."""
    TOOL: Final = 31
    """Its presence shows a tool call."""
    AGENT: Final = 32
    """Its presence shows that a span with a model name is an agent and no call."""
    NUM_CALLS: Final = 33
    """How many model calls a usage text is the sum of."""
    MODEL_TEXT: Final = 34
    """Text in which the model's name stands."""
    SESSION_TEXT: Final = 35
    """Text in which the session's id stands."""
    TOOL_PROMPT: Final = 36
    """Input that the provider's own tools made, which Gemini counts beside the prompt."""
    TEXT_CACHE_READ: Final = 39
    """The text in what was read from a cache."""
    FEE: Final = 49
    """A cost that comes on top, if a flag says so."""
    IMAGE_PROMPT: Final = 41
    IMAGE_COMPLETION: Final = 42
    WEB_SEARCHES: Final = 43
    TERM: Final = 44
    """A term of the price (``_term_rows``)."""
    BILLED: Final = 45
    """What was billed (``_term_rows``)."""
    WITH_TOOLS: Final = 47
    """A flag: the prompt of a usage object has been given the input of tools that it states."""
    OTHER_MODEL: Final = 46
    """What another model had for the call."""
    OUTER_PROMPT: Final = 37
    OUTER_COMPLETION: Final = 38
    OUTER_CACHED: Final = 40
    """What a usage object states beside the list of its iterations, whose sum is more."""
    CONVERSATION_TEXT: Final = 50
    """Text in which ids of conversations stand that may have been copied."""
    USER: Final = 51
    USER_TEXT: Final = 52
    """Text in which the name of the user stands."""
    METADATA: Final = 53
    """An object in JSON: what else the application says of the session."""

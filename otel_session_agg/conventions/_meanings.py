"""The meanings that an attribute can have."""

from __future__ import annotations

from typing import Final


class Meaning:
    """The meaning of an attribute; plain numbers, since enum members are read 20 times slower."""

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
    """A flag: the prompt count excludes the cached part."""
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
    """Its presence shows messages; with a model name, a model call."""
    TOOL: Final = 31
    """Its presence shows a tool call."""
    AGENT: Final = 32
    """Its presence shows that a span with a model name is an agent and no call."""
    NUM_CALLS: Final = 33
    """How many model calls a usage text is the sum of."""
    MODEL_TEXT: Final = 34
    """Text that contains the model's name."""
    SESSION_TEXT: Final = 35
    """Text that contains the session's id."""
    TOOL_PROMPT: Final = 36
    """Input from the provider's own tools, which Gemini counts beside the prompt."""
    TEXT_CACHE_READ: Final = 39
    """The text among the tokens read from a cache."""
    FEE: Final = 49
    """A cost that comes on top of any other, if a flag states so."""
    IMAGE_PROMPT: Final = 41
    IMAGE_COMPLETION: Final = 42
    WEB_SEARCHES: Final = 43
    TERM: Final = 44
    """A term of the price (``_term_rows``)."""
    BILLED: Final = 45
    """A billed amount (``_term_rows``)."""
    WITH_TOOLS: Final = 47
    """A flag: the input of tools was added to the prompt of a usage object."""
    OTHER_MODEL: Final = 46
    """Tokens that another model used for the call."""
    OUTER_PROMPT: Final = 37
    OUTER_COMPLETION: Final = 38
    OUTER_CACHED: Final = 40
    """Counts that a usage object states beside the list of its iterations, whose sum is larger."""
    CONVERSATION_TEXT: Final = 50
    """Text that contains ids of conversations, from which the session id may have been copied."""
    USER: Final = 51
    USER_TEXT: Final = 52
    """Text that contains the name of the user."""
    METADATA: Final = 53
    """An object in JSON with what else the application states of the session."""

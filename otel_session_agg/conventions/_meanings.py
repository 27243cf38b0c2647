"""The meanings that an attribute can have, and what an emitter can mean instead."""

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
    TOOL_NAME: Final = 54
    AGENT_NAME: Final = 55
    """The name of an agent, on its own span or on that of a call which it makes."""
    ENTITY_NAME: Final = 56
    """The name of what the span is about: of a tool on one of a tool."""
    FIRST_TOKEN: Final = 57
    """When the first token of a model call came."""
    AGENT_TEXT: Final = 58
    """Text that contains the name of an agent."""
    CHAIN_AGENT: Final = 59
    """The name of an agent on a chain of it."""
    RESPONSE_TEXT: Final = 60
    """Text that contains the id of the response."""
    ANSWER: Final = 61
    """Its presence shows that the model has answered, at least in part."""


class Effect:
    """What the attributes of an emitter mean instead of what their keys say; plain numbers, too."""

    PROMPT_EXCLUDES_CACHE: Final = 0
    """The prompt count excludes the cached part."""
    PROMPT_INCLUDES_CACHE: Final = 1
    """It includes it, whatever a later row says."""
    PROMPT_EXCLUDES_WRITE: Final = 2
    """The prompt count includes cache reads, but not cache writes."""
    PROMPT_FROM_TOTAL: Final = 3
    """A total beyond prompt and completion has the cached part, which the prompt excludes."""
    PROMPT_INCLUDES_TOOLS: Final = 4
    """The prompt count includes the input from the provider's own tools."""
    COMPLETION_FROM_TOTAL: Final = 5
    """Completion excludes reasoning, and only the total includes it; nothing states it."""
    COMPLETION_HAS_THOUGHTS: Final = 6
    """Completion includes Gemini's thoughts; what a total has beyond is input of its tools."""
    TOTAL_HAS_REASONING: Final = 7
    """A total beyond prompt and completion has the stated reasoning, which completion excludes."""
    COMPLETION_EXCLUDES_REASONING: Final = 8
    """Completion excludes the reasoning that is stated beside it."""
    COMPLETION_REPEATS_REASONING: Final = 9
    """Completion includes the reasoning twice."""
    STREAM_OUTPUT_ONE_MORE: Final = 10
    """A streamed completion count is one token too high."""
    UNSURE_OUTPUT: Final = 11
    """Another span that reports the same call has the better completion count."""
    UNSURE_USAGE: Final = 12
    """Another span that reports the same call has the better usage."""
    MISPLACED: Final = 13
    """It writes the usage of a call on the span above it."""
    ENDS_EARLY: Final = 14
    """The span ends when a stream begins, not when the call ends."""
    NO_CALL_WITHOUT_USAGE: Final = 15
    """A span that states no usage is no call: another one reports the call, or there is none."""
    MAKES_CALLS: Final = 16
    """Its agents and chains make calls that only they report, also where they state no usage."""
    IS_CALL: Final = 17
    """Its agents stand for one call each."""
    CARRIES_CONTEXT: Final = 18
    """It passes contexts on inside a process as remote ones, which makes parents look remote."""
    FIRST_OUTPUT: Final = 19
    """A completion count no larger than a stream's first figure is that: the rest was not read."""
    REPEATED: Final = 20
    """The figures are those of other spans, also where these are not below it."""

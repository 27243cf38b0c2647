"""The texts of the demo's users and tools, and the model's answers; tokens are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_session_agg._cli.demo.server import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCRIPT"]

REFUND_QUESTION: Final = "My kettle from order 4711 arrived broken. Can I have my money back?"
REFUND_ORDER: Final = '{"order": 4711, "item": "kettle", "paid": 39.90, "days_ago": 6}'
REFUND_DONE: Final = '{"refund": "R-88", "amount": 39.90}'

TRIP_QUESTION: Final = "Plan me one day in Lisbon."
TRIP_CHANGE: Final = "It will rain. Indoors, please."

RESEARCH_QUESTION: Final = "Is there room for one more e-bike brand in Europe?"
RESEARCH_TOPICS: Final = ("market size", "competitors", "regulation")
RESEARCH_SUMMARY: Final = "Write the answer from the three findings."
RESEARCH_MEMORY: Final = "Note in one line what is worth remembering."

WEATHER_QUESTION: Final = "Do I need an umbrella in Oslo tomorrow?"
WEATHER_ERROR: Final = "TimeoutError: forecast service did not answer in 30 s"
WEATHER_FORECAST: Final = '{"city": "Oslo", "rain_mm": 7.2, "source": "backup"}'

CONTRACT_QUESTION: Final = "Which clause of the contract covers late delivery?"

SCRIPT: Final[Mapping[str, Reply]] = {
    REFUND_QUESTION: Reply('{"order": 4711}', 1184, 19, tool="look_up_order", latency_ms=40),
    REFUND_ORDER: Reply(
        '{"order": 4711, "amount": 39.90}',
        1251,
        27,
        cached_tokens=1152,
        tool="pay_back",
        latency_ms=35,
    ),
    REFUND_DONE: Reply(
        "Done: 39.90 EUR are on their way to you.", 1302, 16, cached_tokens=1152, latency_ms=45
    ),
    TRIP_QUESTION: Reply(
        "Tram 28 up to Alfama, grilled fish for lunch, sunset at Graca.", 38, 21, latency_ms=70
    ),
    TRIP_CHANGE: Reply(
        "Then the Tile Museum, Time Out Market and the Oceanarium.", 79, 17, latency_ms=60
    ),
    RESEARCH_QUESTION: Reply(
        "Look at market size, competitors and regulation.", 412, 58, latency_ms=50
    ),
    "embed: market size": Reply("", 12, 0, latency_ms=12),
    "embed: competitors": Reply("", 9, 0, latency_ms=15),
    "embed: regulation": Reply("", 11, 0, latency_ms=10),
    "research: market size": Reply(
        "5.1 million e-bikes were sold last year.", 2310, 164, cached_tokens=1024, latency_ms=80
    ),
    "research: competitors": Reply(
        "Eleven brands share 60 % of the sales.", 2694, 201, cached_tokens=1280, latency_ms=65
    ),
    "research: regulation": Reply(
        "Up to 25 km/h no licence is needed.", 1877, 143, cached_tokens=1024, latency_ms=55
    ),
    RESEARCH_SUMMARY: Reply(
        "Yes, in the cargo segment: it grows fastest and has no leader.",
        1105,
        936,
        reasoning_tokens=832,
        latency_ms=80,
    ),
    RESEARCH_MEMORY: Reply("Cargo e-bikes: fast growth, no leader.", 187, 11, latency_ms=60),
    WEATHER_QUESTION: Reply('{"city": "Oslo"}', 223, 15, tool="get_forecast", latency_ms=30),
    WEATHER_ERROR: Reply(
        '{"city": "Oslo", "source": "backup"}', 268, 18, tool="get_forecast", latency_ms=30
    ),
    WEATHER_FORECAST: Reply("Yes: 7 mm of rain are forecast for Oslo.", 305, 13, latency_ms=35),
    CONTRACT_QUESTION: Reply(
        "Clause 9.2: one percent a week, at most five.", 1640, 34, latency_ms=40
    ),
}

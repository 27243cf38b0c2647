"""The recipes for vendors' SDKs: each runs with the real SDK, and the vendor's server is on loopback."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import ReceivedSpan
from otel_session_agg._cli.demo.server import ModelServer, Reply, Served, scripted
from tests.support.environments import HAS_CHECKOUT, environment, variables
from tests.support.paths import EXAMPLES
from tests.support.vendor_sink import Answer, Request, Sink

RECIPES = EXAMPLES / "vendors"
if not (HAS_CHECKOUT and RECIPES.exists()):
    pytest.skip("the checkout is not here", allow_module_level=True)

RUN_SECONDS = 300
SESSION = "chat-42"
HONEYHIVE_SESSION = "0f1e2d3c-4b5a-4678-8899-aabbccddeeff"

SCRIPT = {
    "What is a span?": Reply("A timed operation.", 1200, 80, cached_tokens=1024),
    "Say it shorter.": Reply("A timing.", 1300, 40, cached_tokens=1152),
    "And a trace?": Reply("A tree of spans.", 900, 70, reasoning_tokens=32),
}
"""What the model says to the recipes' questions."""

CALLS = {"explain": slice(0, 2), "follow up": slice(2, 3)}
"""The recipes' two traces, by the name of the root, and which of the model's answers each of them gets."""

_NS_PER_MS = 1_000_000
_PUSD_PER_USD = 10**12
_INPUT_PUSD, _CACHED_PUSD, _OUTPUT_PUSD = 150_000, 75_000, 600_000
"""Of gpt-4o-mini, picodollars a token."""


_VENDORS = ("HH_", "LANGFUSE_", "LMNR_", "LOGFIRE_", "MLFLOW_", "OPENLIT_", "PHOENIX_", "POSTHOG_", "TRACELOOP_")
"""How the vendors' variables begin."""


@dataclass(frozen=True)
class Vendor:
    """One vendor and what its documentation says of the way to its server."""

    requirements: tuple[str, ...]
    variables: Mapping[str, str]
    """With ``{sink}`` for the server's URL and ``{port}`` for its port."""
    trace_path: str
    key_header: tuple[str, str]
    """The header by which the vendor knows whose spans these are."""
    call: str
    """Name of the span of a call."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    session_id: str = SESSION
    is_live: bool = True
    has_record: bool = False
    """Whether the record of the session arrives, too."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Further spans that the SDK writes, by name, and how many."""
    own_names: Mapping[str, str] = field(default_factory=dict)
    """What the vendor calls some of the totals, by their usual name."""


def _honeyhive_session(_: Request) -> object:
    ids = ("event_id", "session_id", "org_id", "workspace_id", "project_id")
    return dict.fromkeys(ids, HONEYHIVE_SESSION)


def _mlflow_trace(request: Request) -> object:
    trace = json.loads(request.body)["trace"]["trace_info"]
    return {"trace": {"trace_info": {**trace, "tags": {**trace["tags"], "mlflow.trace.spansLocation": "TRACKING_STORE"}}}}


OPENAI = "openai>=3,<4"
OPENINFERENCE = "openinference-instrumentation-openai>=0.1.66,<0.2"
LANGFUSE = ("langfuse>=5.0.4,<6", OPENAI)
LANGFUSE_VARIABLES = {"LANGFUSE_BASE_URL": "{sink}", "LANGFUSE_PUBLIC_KEY": "pk-lf-key", "LANGFUSE_SECRET_KEY": "sk-lf-key"}

VENDORS = {
    "honeyhive": Vendor(
        ("honeyhive>=1.7,<2", OPENINFERENCE, OPENAI),
        {"HH_API_URL": "{sink}", "HH_API_KEY": "hh-key"},
        "/opentelemetry/v1/traces",
        ("authorization", "Bearer hh-key"),
        "ChatCompletion",
        answers={"/session/start": _honeyhive_session},
        session_id=HONEYHIVE_SESSION,
        own_names={
            n.COST: "honeyhive_metadata.cost",
            n.TOTAL_TOKENS: "honeyhive_metadata.total_tokens",
            n.NUM_MODEL_EVENTS: "honeyhive_metadata.num_model_events",
            n.SESSION_ID: "honeyhive.session_id",
        },
    ),
    "laminar": Vendor(
        ("lmnr>=0.8.2,<0.9", OPENAI),
        {"LMNR_BASE_URL": "http://127.0.0.1", "LAMINAR_HTTP_PORT": "{port}", "LMNR_PROJECT_API_KEY": "lmnr-key"},
        "/v1/traces",
        ("authorization", "Bearer lmnr-key"),
        "openai.chat",
    ),
    "langfuse": Vendor(
        LANGFUSE,
        LANGFUSE_VARIABLES,
        "/api/public/otel/v1/traces",
        ("x-langfuse-public-key", "pk-lf-key"),
        "OpenAI-generation",
    ),
    "langfuse_exporter": Vendor(
        LANGFUSE,
        LANGFUSE_VARIABLES,
        "/api/public/otel/v1/traces",
        ("x-langfuse-public-key", "pk-lf-key"),
        "OpenAI-generation",
        is_live=False,
        has_record=True,
    ),
    "logfire": Vendor(
        ("logfire>=5.2,<6", OPENAI),
        {"LOGFIRE_BASE_URL": "{sink}", "LOGFIRE_TOKEN": "pylf_v1_local_key"},
        "/v1/traces",
        ("authorization", "pylf_v1_local_key"),
        "Chat Completion with {request_data[model]!r}",
        answers={"/v1/info": lambda _: {"project_name": "chats", "project_url": "http://127.0.0.1"}},
    ),
    "mlflow": Vendor(
        ("mlflow-tracing>=3.17.2,<4", OPENAI),
        {"MLFLOW_TRACKING_URI": "{sink}", "CHATS_EXPERIMENT_ID": "7"},
        "/v1/traces",
        ("x-mlflow-experiment-id", "7"),
        "Completions",
        answers={"/version": lambda _: "3.17.2", "/api/3.0/mlflow/traces": _mlflow_trace},
    ),
    "openlit": Vendor(
        ("openlit>=1.45,<2", "openai>=2,<3"),
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "{sink}",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=openlit-key",
            "OPENLIT_PRICING_JSON": "{sink}/pricing.json",
        },
        "/v1/traces",
        ("authorization", "openlit-key"),
        "chat gpt-4o-mini",
        others={"POST": 3},  # it instruments HTTP clients, too
    ),
    "phoenix": Vendor(
        ("arize-phoenix-otel>=0.17.2,<0.18", OPENINFERENCE, OPENAI),
        {"PHOENIX_COLLECTOR_ENDPOINT": "{sink}", "PHOENIX_API_KEY": "phoenix-key"},
        "/v1/traces",
        ("authorization", "Bearer phoenix-key"),
        "ChatCompletion",
        is_live=False,
        has_record=True,
    ),
    "posthog": Vendor(
        ("posthog[otel]>=7.91,<8", OPENINFERENCE, OPENAI),
        {"POSTHOG_HOST": "{sink}", "POSTHOG_API_KEY": "phc_key"},
        "/i/v0/ai/otel",
        ("authorization", "Bearer phc_key"),
        "ChatCompletion",
        is_live=False,
        own_names={n.COST: "$ai_total_cost_usd", n.TOTAL_TOKENS: "$ai_total_tokens", n.SESSION_ID: "$ai_session_id"},
    ),
    "traceloop": Vendor(
        ("traceloop-sdk>=0.62.4,<0.63", "httpx>=0.27,<1", OPENAI),  # it imports httpx without asking for it
        {"TRACELOOP_BASE_URL": "{sink}", "TRACELOOP_API_KEY": "traceloop-key"},
        "/v1/traces",
        ("authorization", "Bearer traceloop-key"),
        "openai.chat",
        is_live=False,
        has_record=True,
    ),
}
"""By the end of the program's name; before the underscore is the vendor's own."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    vendor: Vendor
    served: list[Served]
    spans: list[ReceivedSpan]
    """All that the vendor got, but what Logfire tells of spans that have not ended yet."""
    keys: list[str | None]
    """Whose spans they were, by request."""

    def root(self, name: str) -> ReceivedSpan:
        """The root with this name."""
        (root,) = (span for span in self.spans if _name(span) == name)
        assert not root.parent_span_id
        return root


def _name(span: ReceivedSpan) -> str:
    """Its name; Traceloop's decorators add the kind to it."""
    return span.name.removesuffix(".workflow")


def program_variables(**more: str) -> dict[str, str]:
    """What a recipe runs with: nothing that is set for a vendor on this machine, and no vendor is told that it runs."""
    kept = variables(DO_NOT_TRACK="true")
    return {name: value for name, value in kept.items() if not name.startswith(_VENDORS)} | more


@pytest.fixture(scope="module", params=VENDORS)
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run of each vendor's recipe."""
    vendor = VENDORS[request.param]
    python = environment(request.param.partition("_")[0], vendor.requirements)
    model, sink = ModelServer(scripted(SCRIPT)), Sink(vendor.trace_path, vendor.answers)
    with model.running() as model_url, sink.running() as sink_url:
        places = {"sink": sink_url, "port": sink_url.rpartition(":")[2]}
        theirs = {name: value.format(**places) for name, value in vendor.variables.items()}
        done = subprocess.run(  # noqa: S603
            [python, RECIPES / f"with_{request.param}.py"],
            cwd=tmp_path_factory.mktemp(request.param),
            env=program_variables(OPENAI_BASE_URL=f"{model_url}/v1", OPENAI_API_KEY="key", **theirs),
            capture_output=True,
            encoding="utf-8",
            timeout=RUN_SECONDS,
            check=False,
        )
    print(done.stdout, done.stderr)  # noqa: T201 -- shown with a failure
    assert 0 == done.returncode
    assert "Traceback" not in done.stderr
    assert "is reserved for session totals" not in done.stderr
    spans = [span for span in sink.spans if span.attributes.get("logfire.span_type") != "pending_span"]
    header, _ = vendor.key_header
    return Outcome(vendor, model.served, spans, [sent.headers.get(header) for sent in sink.trace_requests])


def totals(served: list[Served]) -> dict[str, object]:
    """What answers of the model add up to."""
    prompt = sum(one.prompt_tokens for one in served)
    completion = sum(one.completion_tokens for one in served)
    cached = sum(one.cached_tokens for one in served)
    cost_pusd = (prompt - cached) * _INPUT_PUSD + cached * _CACHED_PUSD + completion * _OUTPUT_PUSD
    return {
        n.PROMPT_TOKENS: prompt,
        n.COMPLETION_TOKENS: completion,
        n.TOTAL_TOKENS: prompt + completion,
        n.COST: cost_pusd / _PUSD_PER_USD,
        n.NUM_MODEL_EVENTS: len(served),
        n.MODELS: ["gpt-4o-mini-2024-07-18"],
        n.PARTIAL: None,
    }


class TestRecipes:
    """What the vendor's server gets."""

    @pytest.mark.parametrize("name", CALLS)
    def test_root(self, name: str, outcome: Outcome) -> None:
        """Each root has exactly what the model served for its trace, and the session's id."""
        expected = {**totals(outcome.served[CALLS[name]]), n.SESSION_ID: outcome.vendor.session_id}
        root = outcome.root(name).attributes
        assert expected == {key: root.get(key) for key in expected}
        own = outcome.vendor.own_names
        assert {own[key]: expected[key] for key in own} == {key: root.get(key) for key in own.values()}

    def test_every_span_once(self, outcome: Outcome) -> None:
        """Roots, calls and whatever else the SDK writes have arrived, each once, and each below what is there, too."""
        expected = Counter({outcome.vendor.call: 3, **dict.fromkeys(CALLS, 1), **outcome.vendor.others})
        if outcome.vendor.has_record:
            expected[n.SESSION_SPAN] = 1
        assert expected == Counter(map(_name, outcome.spans))
        ids = Counter((span.trace_id, span.span_id) for span in outcome.spans)
        assert {1} == set(ids.values())
        assert all((span.trace_id, span.parent_span_id) in ids for span in outcome.spans if span.parent_span_id)

    def test_sent_by_the_vendors_sdk(self, outcome: Outcome) -> None:
        """All of it came with the vendor's key, at the vendor's path."""
        assert outcome.vendor.key_header[1:] * len(outcome.keys) == tuple(outcome.keys) != ()

    def test_record(self, outcome: Outcome) -> None:
        """Where our processor wraps one that takes it, the record of the session goes the same way, with all calls."""
        expected = {**totals(outcome.served), n.SESSION_ID: outcome.vendor.session_id, n.NUM_TRACES: 2}
        records = [span.attributes for span in outcome.spans if span.name == n.SESSION_SPAN]
        assert [expected] * outcome.vendor.has_record == [{key: record.get(key) for key in expected} for record in records]

    @pytest.mark.parametrize("name", CALLS)
    def test_duration(self, name: str, outcome: Outcome) -> None:
        """Where our processor wraps the vendor's, the duration is the root's own, else that until its last child ended."""
        root = outcome.root(name)
        ends = [span.end_ns for span in outcome.spans if span.parent_span_id == root.span_id]
        end_ns = max(ends) if outcome.vendor.is_live else root.end_ns
        assert (end_ns - root.start_ns) / _NS_PER_MS == root.attributes[n.DURATION]


def test_all_recipes() -> None:
    """Every program there is runs here, and is in the table of the folder's README with versions that are tested."""
    programs = {path.name for path in RECIPES.glob("with_*.py")}
    assert programs == {f"with_{name}.py" for name in VENDORS}
    rows = dict(re.findall(r"^\| \[.*?\]\((\w+\.py)\).*\| (.*?) \|$", (RECIPES / "README.md").read_text("utf-8"), re.MULTILINE))
    assert programs == rows.keys()
    for name, vendor in VENDORS.items():
        package, version = re.split(r"(?:\[.*\])?>=", vendor.requirements[0].partition(",")[0])
        assert rows[f"with_{name}.py"].startswith(f"{package} {version}")

"""Deliveries: to a real receiver, signed, tried again, each once, without secrets in logs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_session_agg import SettingsError
from otel_session_agg._alerts import delivery, episodes, http_post
from otel_session_agg._alerts.delivery import Deliveries
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.message import plain
from otel_session_agg._alerts.rules_file import RuleFile, read_rules
from otel_session_agg._alerts.state import State
from otel_session_agg._guard import Guard
from tests.support.alerted import NOW, Request, hooked
from tests.support.servers import free_port, wait_until

_HOSTILE = "<!channel> @everyone [x](http://evil.example) <script>\"'&\x1b[2J\u202e=1+1 v1.2"


def _rules(channel: str) -> RuleFile:
    return read_rules(f"channels: {{there: {channel}}}\nrules: {{dear: {{session: cost > 0.10}}}}")


def _note(state: State, rules: RuleFile, *targets: str) -> None:
    found = [Finding(target, "", "cost 1 USD", {"cost": 1.0}, (target,), int(NOW * 10**9)) for target in targets]
    with state.changing() as connection:
        episodes.note(connection, rules.rules["dear"], found, NOW, is_muted=False)


def _deliveries(state: State) -> list[tuple[str, int, str | None]]:
    with state.changing() as connection:
        found = episodes.fired(connection, 1000, None)[::-1]
    return [(row["status"], row["attempts"], row["problem"]) for one in found for row in one["deliveries"]]


@contextmanager
def _delivering(state: State, rules: RuleFile, first_seconds: float = 0.001) -> Iterator[Deliveries]:
    made = Deliveries(rules.channels, state, Guard(logging.getLogger("tests.alerts")), time.time, first_seconds)
    try:
        made.wake()
        yield made
    finally:
        made.stop()
        for outlet in made.outlets:
            thread = outlet._thread.thread
            if thread is not None:
                thread.join(20)
                assert not thread.is_alive()


def _done(state: State) -> bool:
    return all(status not in {"waiting", "sending"} for status, _, _ in _deliveries(state))


def _is_signed(request: Request, key: bytes) -> bool:
    """As the specification of Standard Webhooks says."""
    signed = b".".join([request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(f"v1,{expected}", request.headers["webhook-signature"])


class TestWebhook:
    """A webhook."""

    @pytest.mark.parametrize(("secret", "key"), [("plain text", b"plain text"), ("whsec_c2VjcmV0", b"secret")])
    def test_signed(self, secret: str, key: bytes) -> None:
        """JSON with figures and ids as they are, signed with the time."""
        with hooked() as hook:
            rules, state = _rules(f"{{webhook: 'http://{hook.address}/a?b=c', secret: {secret}}}"), State(None)
            _note(state, rules, _HOSTILE)
            with _delivering(state, rules):
                wait_until(lambda: _done(state))
        [request] = hook.requests
        assert "/a?b=c" == request.path
        assert _is_signed(request, key)
        assert not _is_signed(request._replace(body=request.body + b" "), key)
        assert abs(time.time() - int(request.headers["webhook-timestamp"])) < 60
        assert (_HOSTILE, "triggered", "dear", {"cost": 1.0}) == (
            request.json["session_id"], request.json["state"], request.json["rule"], request.json["figures"],
        )  # fmt: skip
        assert request.json["id"] == request.headers["webhook-id"]
        assert request.body.isascii()

    def test_tried_again(self) -> None:
        """Until it is taken, with the same id, and then never again."""
        answered: list[int | tuple[int, Mapping[str, str]]] = [500, (429, {"Retry-After": "0"}), 503, 408]
        answers = iter(answered)
        with hooked(lambda _: next(answers, 204)) as hook:
            rules, state = _rules(f"{{webhook: 'http://{hook.address}/'}}"), State(None)
            _note(state, rules, "a", "b")
            with _delivering(state, rules) as made:
                wait_until(lambda: _done(state))
                assert made.flush(time.monotonic() + 20)
        assert [("done", 5, None), ("done", 1, None)] == _deliveries(state)
        ids = [request.headers["webhook-id"] for request in hook.requests]
        assert ([ids[0]] * 5, 2, 6) == (ids[:5], len(set(ids)), len(ids))
        assert "webhook-signature" not in hook.requests[0].headers

    def test_refused(self) -> None:
        """What says that it will never take it is not asked again; nor does it hold up the next one."""
        with hooked(lambda request: 400 if b'"bad"' in request.body else 200) as hook:
            rules, state = _rules(f"{{webhook: 'http://{hook.address}/'}}"), State(None)
            _note(state, rules, "bad", "good")
            with _delivering(state, rules):
                wait_until(lambda: _done(state))
        assert [("failed", 1, "it answered 400"), ("done", 1, None)] == _deliveries(state)

    def test_no_redirects(self) -> None:
        """Where it is sent on to gets nothing."""
        with hooked() as other, hooked(lambda _: (307, {"Location": f"http://{other.address}/"})) as hook:
            rules, state = _rules(f"{{webhook: 'http://{hook.address}/'}}"), State(None)
            _note(state, rules, "a")
            with _delivering(state, rules):
                wait_until(lambda: _done(state))
        assert [("failed", 1, "it answered 307: redirects are not followed")] == _deliveries(state)
        assert (1, []) == (len(hook.requests), other.requests)

    def test_waits_as_asked(self) -> None:
        """``Retry-After`` is kept, and bounded."""
        assert 3600.0 == http_post._answer(429, "9" * 50).retry_seconds
        assert 7.0 == http_post._answer(503, "7").retry_seconds
        assert http_post._answer(503, "Wed, 21 Oct 2026 07:28:00 GMT").retry_seconds is None

    @pytest.mark.parametrize("behaviour", ["silent", "slow", "closes", "garbage"])
    def test_bad_receivers(self, behaviour: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that hangs, drips, closes or answers garbage costs a bounded time, and is tried again."""
        monkeypatch.setattr(http_post, "TIMEOUT_SECONDS", 0.3)
        with _raw(behaviour) as port:
            began = time.monotonic()
            answer = http_post.post(f"http://127.0.0.1:{port}/hidden", b"{}", {})
        assert time.monotonic() - began < 20
        assert not answer.is_done
        assert not answer.is_final
        assert answer.problem.startswith("no answer: ")
        assert "hidden" not in answer.problem


@contextmanager
def _raw(behaviour: str) -> Iterator[int]:
    """A server that takes one connection and answers badly."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            if behaviour == "garbage":
                connection.sendall(b"\x00\xff" * 100 + b"\r\n\r\n")
            if behaviour == "silent":
                over.wait(30)
            with suppress(OSError):
                while behaviour == "slow" and not over.wait(0.05):
                    connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        thread.join()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its plug-ins use what Python is going to remove
class TestApprise:
    """Apprise, with its target for JSON."""

    def test_real(self, caplog: pytest.LogCaptureFixture) -> None:
        """A title and text in which an id is neither mark-up nor a mention nor a link; no secret is logged."""
        caplog.set_level(logging.DEBUG)
        with hooked() as hook:
            rules, state = _rules(f"{{apprise: 'json://{hook.address}/?-token=hidden'}}"), State(None)
            _note(state, rules, _HOSTILE)
            with _delivering(state, rules):
                wait_until(lambda: _done(state))
        [request] = hook.requests
        assert ("triggered: dear", "warning") == (request.json["title"], request.json["type"])
        first = request.json["message"].splitlines()[0]
        assert first == f"session {plain(_HOSTILE)}: cost 1 USD"
        assert not set("<>@*`[]/&'\"=\x1b\u202e") & set(request.json["message"])
        assert "evil.example" not in request.json["message"]
        assert "v1.2" in first
        assert "hidden" not in caplog.text

    def test_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        """What cannot be delivered is tried again; the log has neither the address nor a secret."""
        caplog.set_level(logging.DEBUG)
        rules, state = _rules(f"{{apprise: 'json://user:hidden@127.0.0.1:{free_port()}/hidden'}}"), State(None)
        _note(state, rules, "a")
        with _delivering(state, rules):
            wait_until(lambda: _deliveries(state)[0][1] >= 2)
        assert "Apprise could not deliver it" == _deliveries(state)[0][2]
        assert "hidden" not in caplog.text

    def test_unknown(self) -> None:
        """An address that Apprise does not know is refused at once, and not shown."""
        rules = _rules("{apprise: 'nonsense://hidden'}")
        with pytest.raises(SettingsError, match="channel 'there': key 'apprise' is no URL that Apprise knows") as raised:
            delivery.sender(rules.channels["there"])
        assert "hidden" not in str(raised.value)

    def test_plain(self) -> None:
        """Letters of all languages stay."""
        assert "Ann Lee-Ä 漢字 3.5 shop%2Ecom a%2Fb %F0%9F%98%80 %3F" == plain("Ann Lee-Ä 漢字 3.5 shop.com a/b 😀 \ud800")
        assert 120 + len("...") == len(plain("x" * 1000))


class TestOtlp:
    """A log record."""

    def test_real(self) -> None:
        """It is what OTLP says: times, severity, and what was found as attributes."""
        with hooked() as hook:
            rules, state = _rules(f"{{otlp: 'http://{hook.address}', headers: {{Authorization: Bearer x}}}}"), State(None)
            _note(state, rules, _HOSTILE)
            with _delivering(state, rules):
                wait_until(lambda: _done(state))
        [request] = hook.requests
        assert ("/v1/logs", "Bearer x") == (request.path, request.headers["authorization"])
        parsed = json_format.Parse(request.body, ExportLogsServiceRequest())
        [record] = parsed.resource_logs[0].scope_logs[0].log_records
        assert (int(NOW * 10**9), 13, "WARN", "session_agg.alert") == (
            record.time_unix_nano, record.severity_number, record.severity_text, record.event_name,
        )  # fmt: skip
        found: Mapping[str, Any] = {one.key: one.value for one in record.attributes}
        assert _HOSTILE == found["session.id"].string_value
        assert ("dear", "triggered") == (
            found["session_agg.alert.rule"].string_value, found["session_agg.alert.state"].string_value,
        )  # fmt: skip
        assert 1.0 == found["session_agg.alert.figure.cost"].double_value


class TestOnce:
    """Each once, whoever delivers, and over restarts."""

    def test_several_processes(self, tmp_path: Path) -> None:
        """Several that share a file deliver each notification once between them."""
        with hooked() as hook:
            rules = _rules(f"{{webhook: 'http://{hook.address}/'}}")
            _note(State(tmp_path / "state"), rules, *map(str, range(40)))
            states = [State(tmp_path / "state") for _ in range(3)]
            with _delivering(states[0], rules), _delivering(states[1], rules), _delivering(states[2], rules):
                wait_until(lambda: _done(states[0]))
        assert 40 == len(hook.requests) == len({request.headers["webhook-id"] for request in hook.requests})

    def test_restart(self, tmp_path: Path) -> None:
        """What nobody took is delivered by the next process; channels that are gone are given up."""
        port = free_port()
        rules = _rules(f"{{webhook: 'http://127.0.0.1:{port}/'}}")
        state = State(tmp_path / "state")
        _note(state, rules, "a")
        with _delivering(state, rules):
            wait_until(lambda: _deliveries(state)[0][1] >= 1)
        assert ("waiting", "no answer: the connection was refused") == _deliveries(state)[0][::2]
        with hooked() as hook:
            moved, state = _rules(f"{{webhook: 'http://{hook.address}/'}}"), State(tmp_path / "state")
            with _delivering(state, moved):
                wait_until(lambda: _done(state))
        assert 1 == len(hook.requests)
        _note(state, rules, "b")
        gone = read_rules(f"channels: {{other: {{webhook: 'http://{hook.address}/'}}}}")
        with _delivering(state, gone):
            assert ("failed", 0, "there is no such channel any more") == _deliveries(state)[1]

    def test_hung_channel(self) -> None:
        """A channel that hangs holds up no other."""
        over = threading.Event()
        with hooked(lambda _: 200 if over.wait(30) else 500) as hung, hooked() as hook:
            text = f"""
channels: {{hung: {{webhook: "http://{hung.address}/"}}, hook: {{webhook: "http://{hook.address}/"}}}}
rules: {{dear: {{session: cost > 0.10}}}}"""
            rules, state = read_rules(text), State(None)
            _note(state, rules, "a", "b", "c")
            with _delivering(state, rules):
                wait_until(lambda: len(hook.requests) == 3)
                over.set()
                wait_until(lambda: _done(state))

    @pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
    def test_clock_steps(self, step: float) -> None:
        """A clock that is set, back or on, between attempts neither sends twice nor drops anything."""
        steps = iter([0.0, 0.0, 0.0])
        with hooked(_failing(2)) as hook:
            rules, state = _rules(f"{{webhook: 'http://{hook.address}/'}}"), State(None)
            _note(state, rules, "a", "b")
            guard = Guard(logging.getLogger("tests.alerts"))
            made = Deliveries(rules.channels, state, guard, lambda: time.time() + next(steps, step), 0.001)
            made.wake()
            wait_until(lambda: _done(state))
            made.stop()
        assert [("done", 3, None), ("done", 1, None)] == _deliveries(state)
        assert 4 == len(hook.requests)


def _failing(times: int) -> Callable[[Request], int]:
    answers = iter([500] * times)
    return lambda _: next(answers, 200)


class TestOwner:
    """Who has a notification in hand."""

    def test_gone(self) -> None:
        """This process is there, one that has ended is not, and of another machine that is not known."""
        host = socket.gethostname()
        assert not delivery.is_gone(delivery.owner())
        assert not delivery.is_gone(f"{host}|1|x")
        assert not delivery.is_gone("elsewhere|99999999|x")
        assert not delivery.is_gone("garbage")
        assert delivery.is_gone(delivery.owner() + "x")

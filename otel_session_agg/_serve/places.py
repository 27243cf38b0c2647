"""Where a server listens, and who may use it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Certificate", "Places"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a server that speaks TLS: files in PEM."""

    certfile: str
    keyfile: str | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a server listens, and who may use it."""

    host: str = "127.0.0.1"
    port: int = 8765
    """Of the page and the API; 0: the system chooses."""
    otlp_port: int = 4318
    token: str | None = field(default=None, repr=False)
    """What the page and the API ask for; ``None``: nothing."""
    ingest_token: str | None = field(default=None, repr=False)
    """What the receiver asks for."""
    names: tuple[str, ...] = ()
    """Further names of a server on loopback, as behind a proxy."""
    proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies, which say for whom they ask, and by which scheme."""
    certificate: Certificate | None = None
    """``None``: no TLS."""

    @property
    def scheme(self) -> str:
        """How addresses begin."""
        return "http" if self.certificate is None else "https"

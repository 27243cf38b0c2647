"""Why a request is not answered as it was meant to be."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):  # noqa: N818 -- an answer, not an error of this program
    """A request is refused; whoever answers it says so in the form that the client reads.

    Args:
        status: The status of the answer, as HTTP has it.
        text: What is wrong, for people; nothing of the request is quoted.
        retry_seconds: After how long the client may try again; ``None``: that would not help.
        closes: Whether the connection ends with the answer, because the rest of the request is
            not read.

    """

    def __init__(
        self, status: int, text: str, *, retry_seconds: int | None = None, closes: bool = False
    ) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        self.retry_seconds, self.closes = retry_seconds, closes

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer says beside its status."""
        found: list[tuple[bytes, bytes]] = []
        if self.retry_seconds is not None:
            found.append((b"retry-after", str(self.retry_seconds).encode()))
        if self.closes:
            found.append((b"connection", b"close"))
        return found

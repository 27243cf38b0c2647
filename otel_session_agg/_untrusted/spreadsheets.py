"""Write CSV for spreadsheets, in which foreign text stays the text that it is.

A text that a spreadsheet would take for a formula begins with an apostrophe, and so does what
follows a semicolon and would be one in a cell of its own where semicolons separate cells.  So does
a text that it would take for a number and show with other digits: ``00123``, ``1e5``, ``1.10``.
Control characters (tabs, ends of lines) and characters that change the direction of writing are
written as escape sequences.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO

from otel_session_agg._untrusted.formatting import printable

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, ends of lines and paragraphs, and those that change the text's direction."""
_FORMULA = re.compile(r"""(^|;)(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a cell begins that spreadsheets take for a formula; the last four are the same signs in
full width."""

_NUMBER = re.compile(r"\s*([0-9]+(,[0-9]{3})*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
"""What spreadsheets take for a number."""
_SAME_NUMBER = re.compile(r"(?=[0-9.]{1,15}$)(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
"""A number that they write as it stands there: they know 15 digits."""


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return CSV with a header and a record for each row."""
    text = StringIO(newline="")
    writer = csv.writer(text)  # the dialect of RFC 4180: quotes where needed, CR LF
    writer.writerow(map(csv_value, columns))
    writer.writerows(map(csv_value, row) for row in rows)
    return text.getvalue()


def csv_value(value: object) -> str:
    """Return a cell; amounts with all digits, times in ISO 8601, an unknown value as nothing."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, str):
        text = _FORMULA.sub(r"\1'", _UNSEEN.sub(lambda found: printable(found[0]), value))
        is_changed = _NUMBER.fullmatch(text) and not _SAME_NUMBER.fullmatch(text)
        return f"'{text}" if is_changed else text
    if isinstance(value, tuple | list):
        return csv_value(";".join(map(str, value)))
    return plain_value(value)


def plain_value(value: object) -> str:
    """Return a value as text; nothing of it is escaped."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return iso_time(value) if isinstance(value, datetime) else str(value)


def iso_time(time: datetime) -> str:
    """Return a time in ISO 8601, to the millisecond."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

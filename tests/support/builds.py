"""Which build of the package is tested: its Python sources, or with parts of it compiled."""

from __future__ import annotations

import pytest

from otel_session_agg._trace import engine

IS_COMPILED = not str(engine.__file__).endswith(".py")

BUILD = "compiled" if IS_COMPILED else "not compiled"
"""It in words, for figures."""

not_compiled = pytest.mark.skipif(IS_COMPILED, reason="what is compiled cannot be looked into")
"""For tests that replace a part of the engine by a broken one, or weigh what it holds."""

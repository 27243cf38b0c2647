"""What roots, resources and blocks state of the dimensions of a session."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource

from otel_session_agg._reading import dimensions
from otel_session_agg._reading.dimensions import NO_ROOT, DimensionReader, RootDimensions

_ENVIRONMENT = "deployment.environment.name"


class TestRoot:
    """Roots and their resources."""

    def test_both(self) -> None:
        """What the root states is apart from what its resource states."""
        reader = DimensionReader(("tenant", "service.name"))
        found = reader.of_root({"tenant": "acme", "other": 1}, Resource({"service.name": "shop", "other": 2}))
        assert RootDimensions({"tenant": "acme"}, {"service.name": "shop"}) == found

    def test_metadata_first(self) -> None:
        """What ``session()`` wrote on a root beats an attribute of the name itself."""
        reader = DimensionReader(("tenant",))
        assert {"tenant": "a"} == reader.of_root({"tenant": "b", "metadata.tenant": "a"}, None).of_root
        assert {"tenant": "b"} == reader.of_root({"tenant": "b", "metadata.tenant": None}, None).of_root

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"deployment.environment": "old"}, "old"),
            ({"deployment.environment.name": "new", "deployment.environment": "old"}, "new"),
            ({"deployment.environment.name": "", "deployment.environment": "old"}, "old"),
        ],
    )
    def test_older_name(self, attributes: dict[str, str], expected: str) -> None:
        """An older name is read where the newer one has no value, on resources and roots."""
        reader = DimensionReader((_ENVIRONMENT,))
        assert {_ENVIRONMENT: expected} == reader.of_root({}, Resource(attributes)).of_resource
        assert {_ENVIRONMENT: expected} == reader.of_root(attributes, None).of_root

    def test_unknown_service(self) -> None:
        """The name that SDKs give a service without one is no name."""
        reader = DimensionReader(("service.name",))
        for name in ("unknown_service", "unknown_service:python"):
            assert NO_ROOT is reader.of_root({}, Resource({"service.name": name}))

    def test_none(self) -> None:
        """Without names nothing is read, not even a resource."""
        assert NO_ROOT is DimensionReader(()).of_root({"tenant": "a"}, Resource({"tenant": "b"}))

    @pytest.mark.parametrize("resource", [None, 1, "tenant", object(), Resource.get_empty()])
    def test_no_resource(self, resource: object) -> None:
        """Where there is no resource, there is nothing to read."""
        assert NO_ROOT is DimensionReader(("tenant",)).of_root({}, resource)

    @pytest.mark.parametrize("value", [None, "", b"x", ("x",), float("nan"), {"x": 1}, 2**64])
    def test_hostile(self, value: Any) -> None:
        """A value that is none leaves that of the resource."""
        found = DimensionReader(("tenant",)).of_root({"tenant": value}, Resource({"tenant": "a"}))
        assert RootDimensions({}, {"tenant": "a"}) == found


class TestResources:
    """What is remembered of resources."""

    def test_once(self) -> None:
        """A resource is read once; equal ones are apart, as comparing them takes longer."""
        reader, resource = DimensionReader(("tenant",)), Resource({"tenant": "a"})
        assert reader.of_root({}, resource) is reader.of_root({"other": 1}, resource)
        assert reader.of_root({}, resource) == reader.of_root({}, Resource({"tenant": "a"}))

    def test_bounded(self) -> None:
        """However many there are, each is read right, and few are remembered."""
        reader = DimensionReader(("tenant",))
        for number in range(10 * dimensions._MAX_RESOURCES):
            assert {"tenant": number} == reader.of_root({}, Resource({"tenant": number})).of_resource
        assert len(reader._resources) <= dimensions._MAX_RESOURCES


class TestBlock:
    """``session()`` blocks."""

    def test_names(self) -> None:
        """Of metadata and user those that are dimensions."""
        reader = DimensionReader(("tenant", "user.id"))
        assert {"tenant": "acme", "user.id": "ann"} == reader.of_block({"tenant": "acme", "plan": "pro"}, "ann")
        assert {} == reader.of_block({}, None) == DimensionReader(()).of_block({"tenant": "a"}, "ann")

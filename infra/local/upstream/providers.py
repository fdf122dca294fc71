"""The simulators that the registry names for the upstreams of the collectors."""

from importlib import import_module
from typing import Final

from infra.local.upstream.wire import Provider
from infra.registry import COLLECTORS


def simulators_of(collector: str) -> tuple[Provider, ...]:
    """Return the simulated APIs that stand for a collector's upstream."""
    modules = COLLECTORS[collector].simulators
    return tuple(import_module(f"infra.local.upstream.{module}").PROVIDER for module in modules)


PROVIDERS: Final = tuple(
    {
        simulator.name: simulator
        for collector in COLLECTORS
        for simulator in simulators_of(collector)
    }.values()
)
"""Every simulated API."""

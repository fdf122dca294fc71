"""Lists every function of the stack and every provider: the one place that names the providers.

``make secrets``, the local stack, ``greenstream providers`` and the tests read it. The template
cannot, so `tests/template/test_registry.py` holds the two to each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the stack.

    Parameters
    ----------
    name
        Its folder under ``functions/``, and the provider's name in the zone table. A provider that
        shares a function has its own name here, and that of the function in ``runs_in``.
    runs_in
        The function that runs the provider, where several providers share one. Otherwise empty.
    provider
        The provider's class as ``module:class``, or ``None`` for a function that collects nothing.
    settings
        The environment variables that it is told, with the template's default for each.
    secrets
        The secrets that it reads, by the name of their environment variable.
    secrets_of
        The function whose stored secrets it reads, where it has none of its own.
    simulators
        The modules of ``infra/local/upstream/`` that simulate its upstream.
    """

    name: str
    runs_in: str = ""
    provider: str | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = ()
    secrets_of: str | None = None
    simulators: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        """The name of the function that runs it: a folder under ``functions/``."""
        return self.runs_in or self.name

    @property
    def api(self) -> str:
        """The name of its upstream: that of the function whose secrets it reads, or its own."""
        return self.secrets_of or self.name

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """The secrets that are stored for this function, and not for another one."""
        return () if self.secrets_of else self.secrets

    @property
    def base_url(self) -> str | None:
        """The setting that holds the upstream's address.

        It is ``None`` where a library knows the address, so that a simulator is reached through a
        proxy.
        """
        return next((setting for setting in self.settings if setting.endswith("_BASE_URL")), None)


_ROWS: Final = (
    Function(
        name="eso",
        provider="functions.eso.provider:Eso",
        settings={"ESO_BASE_URL": "https://api.carbonintensity.org.uk"},
        simulators=("neso",),
    ),
    Function(
        name="elexon",
        provider="functions.elexon.provider:Elexon",
        settings={"ELEXON_BASE_URL": "https://data.elexon.co.uk"},
        simulators=("elexon",),
    ),
    Function(
        name="gridstatus",
        provider="functions.gridstatus.provider:Gridstatus",
        settings={"GRIDSTATUS_ZONES": "NYISO,CAISO,PJM,MISO,ISONE,Ercot"},
        secrets=("PJM_API_KEY",),
        simulators=("nyiso", "caiso", "pjm", "miso", "isone", "ercot", "spp"),
    ),
    Function(
        name="watttime",
        provider="functions.watttime.provider:WattTime",
        settings={"WATTTIME_BASE_URL": "https://api.watttime.org"},
        secrets=("WATTTIME_USERNAME", "WATTTIME_PASSWORD"),
        simulators=("watttime",),
    ),
    Function(
        name="entsoe",
        provider="functions.entsoe.provider:Entsoe",
        settings={"ENTSOE_BASE_URL": "https://web-api.tp.entsoe.eu"},
        secrets=("ENTSOE_API_KEY",),
        simulators=("entsoe",),
    ),
    Function(
        name="energycharts",
        provider="functions.energycharts.provider:EnergyCharts",
        settings={"ENERGYCHARTS_BASE_URL": "https://api.energy-charts.info"},
        simulators=("energycharts",),
    ),
    Function(
        name="flows",
        provider="functions.flows.provider:FlowTracing",
        settings={"ENTSOE_BASE_URL": "https://web-api.tp.entsoe.eu"},
        secrets=("ENTSOE_API_KEY",),
        secrets_of="entsoe",
        simulators=("entsoe",),
    ),
    Function(
        name="electricitymaps",
        provider="functions.electricitymaps.provider:ElectricityMaps",
        settings={
            "ELECTRICITYMAPS_BASE_URL": "https://api.electricitymaps.com",
            "ELECTRICITYMAPS_HOURLY_BUDGET": "25",
        },
        secrets=("ELECTRICITYMAPS_TOKEN",),
        simulators=("electricitymaps",),
    ),
    Function(
        name="eia",
        provider="functions.eia.provider:Eia",
        settings={"EIA_BASE_URL": "https://www.eia.gov"},
        simulators=("eia",),
    ),
    Function(name="tuner"),
    Function(name="router"),
)

_NATIONAL: Final = tuple(
    Function(
        name=name,
        runs_in="national",
        provider=f"functions.national.provider:{name.title()}",
        settings={f"{name.upper()}_BASE_URL": address},
        simulators=(name,),
    )
    for name, address in (
        ("ons", "https://integra.ons.org.br"),
        ("aemo", "https://nemweb.com.au"),
        ("ieso", "https://reports-public.ieso.ca"),
        ("aeso", "http://ets.aeso.ca"),
        ("hydroquebec", "https://www.hydroquebec.com"),
        ("taipower", "https://www.taipower.com.tw"),
        ("kpx", "https://new.kpx.or.kr"),
    )
)
"""The national feeds, which share one function."""

_SHARED: Final = Function(
    name="national",
    settings={
        "NATIONAL_FEEDS": ",".join(row.name for row in _NATIONAL),
        **{name: value for row in _NATIONAL for name, value in row.settings.items()},
    },
)

FUNCTIONS: Final[Mapping[str, Function]] = {row.name: row for row in (*_ROWS, _SHARED)}
"""Every function by its name."""

COLLECTORS: Final[Mapping[str, Function]] = {
    row.name: row for row in (*_ROWS, *_NATIONAL) if row.provider
}
"""What asks an upstream, by the provider's name."""

COLLECTING: Final[Mapping[str, tuple[str, ...]]] = {
    function: tuple(name for name, row in COLLECTORS.items() if row.function == function)
    for function in dict.fromkeys(row.function for row in COLLECTORS.values())
}
"""The functions that collect, each with the names of its providers."""


def parameter_of(variable: str) -> str:
    """Return the template's parameter for a variable, for example ``PjmApiKey`` for PJM_API_KEY."""
    return "".join(word.title() for word in variable.split("_"))

"""All simulated providers. A new provider needs a module and a line here."""

from infra.local.upstream import caiso, electricitymaps, entsoe, neso, nyiso, pjm, watttime

PROVIDERS = (
    neso.PROVIDER,
    nyiso.PROVIDER,
    caiso.PROVIDER,
    pjm.PROVIDER,
    entsoe.PROVIDER,
    watttime.PROVIDER,
    electricitymaps.PROVIDER,
)

"""Every simulated provider: a new one is its module and its line here."""

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

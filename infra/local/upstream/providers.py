"""Every simulated provider: a new one is its module and its line here."""

from infra.local.upstream import caiso, entsoe, neso, nyiso, pjm

PROVIDERS = (
    neso.PROVIDER,
    nyiso.PROVIDER,
    caiso.PROVIDER,
    pjm.PROVIDER,
    entsoe.PROVIDER,
)

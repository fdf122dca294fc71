"""Every simulated provider: a new one is its module and its line here."""

from infra.local.upstream import neso, nyiso

PROVIDERS = (
    neso.PROVIDER,
    nyiso.PROVIDER,
)

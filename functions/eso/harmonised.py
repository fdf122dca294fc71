"""Makes our figure of NESO's shares: this package's factors, and the links' own for the imports.

NESO counts biomass with 120 g/kWh and imports with old factors that are fixed for each link, while
the other zones here count biomass with 0 at the stack and 230 over the life cycle. By NESO's own
figures the zones of Great Britain could not be compared with the others.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from functions.eso.half_hours import HALF_HOUR, NAME
from functions.eso.shares import IMPORTS, Shares, link_gco2_kwh
from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import (
    Factor,
    Intensity,
    factor_tables,
    mix_intensity,
)
from greenstream.domain.reading import Basis
from greenstream.ingest.links import Imports

TABLE: Final = "NESO"


def ended_half_hour(now: datetime) -> tuple[datetime, datetime]:
    """Return the start and end (UTC) of the last half hour that has ended.

    The links' power in it stands for the present half hour and for the coming day. It does not
    change any more, so that each figure is stored once.
    """
    end = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return end - HALF_HOUR, end


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of one run.

    Parameters
    ----------
    imports
        What is known of the imports.
    """

    imports: Imports

    def of_imports(self, shares: Shares, basis: Basis, published_gco2_kwh: float | None) -> Factor:
        """Return the factor of the imports in a half hour's shares, g/kWh.

        Parameters
        ----------
        shares
            The shares of the half hour.
        basis
            The basis of the factor.
        published_gco2_kwh
            NESO's own figure of a region, which tells what NESO counted for a kWh of its imports.
            ``None`` for the nation, which imports through all links.
        """
        known = self.imports.factors.get(basis)
        if known is None:
            factor = factor_tables()[TABLE, basis].factors[IMPORTS]
            return replace(factor, gco2_kwh=(factor.low_gco2_kwh + factor.high_gco2_kwh) / 2)
        if published_gco2_kwh is None:
            return known.of_grid()
        # NESO publishes no factor of the links to Denmark and Norway. Ours stands in.
        direct = self.imports.factors[Basis.DIRECT]
        counted = {
            link.factor.neighbour or "": link.factor.gco2_kwh or 0.0 for link in direct.importing
        }
        implied = shares.implied_import_gco2_kwh(published_gco2_kwh)
        return known.of_part(implied, counted | link_gco2_kwh())

    def intensity(
        self, shares: Shares, basis: Basis, zone: str, published_gco2_kwh: float | None
    ) -> Intensity:
        """Return the intensity of a half hour's shares, g/kWh.

        Parameters
        ----------
        shares, basis, published_gco2_kwh
            As in `of_imports`.
        zone
            The zone, named in errors.

        Raises
        ------
        InvalidError
            ``missing_fuel`` when the shares do not sum to 100 %, when one of NESO's nine fuels is
            not among them, even at 0, or when they name a fuel that has no factor.
        """
        table = factor_tables()[TABLE, basis]
        absent = table.factors.keys() - shares.percent.keys()
        unknown = {fuel for fuel, perc in shares.percent.items() if perc > 0} - table.factors.keys()
        if not shares.is_whole or absent or unknown:
            whole = "no" if shares.whole_percent is None else f"{shares.whole_percent:.1f}"
            raise InvalidError(
                f"the shares sum to {whole} %, lack {', '.join(sorted(absent)) or 'no fuel'} and"
                f" name {', '.join(sorted(unknown))[:80] or 'no fuel'} without a factor",
                reason="missing_fuel",
                provider=NAME,
                zone=zone,
            )
        imports = self.of_imports(shares, basis, published_gco2_kwh)
        # The table's order, so that no order of an answer changes the last digit of a sum.
        in_order = {fuel: shares.percent[fuel] for fuel in table.factors}
        return mix_intensity(
            in_order,
            replace(table, factors={**table.factors, IMPORTS: imports}),
            provider=NAME,
            zone=zone,
        )

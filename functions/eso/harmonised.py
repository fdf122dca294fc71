"""Makes our figure of NESO's shares: this package's factors, and the links' own for the imports.

NESO counts biomass with 120 g/kWh and imports with old factors that are fixed for each link, while
the other zones here count biomass with 0 at the stack and 230 over the life cycle. By NESO's own
figures the zones of Great Britain could not be compared with the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from functions.eso.half_hours import HALF_HOUR, NAME
from functions.eso.shares import IMPORTS, Shares
from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import (
    Factor,
    FactorTable,
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
        What is known of the imports. Where the links are not known, the yearly mean of the table
        stands, with bounds that hold any link.
    tables
        The factors of NESO's fuels by basis, and by whether they are those of the whole grid.
    """

    imports: Imports
    tables: Mapping[tuple[Basis, bool], FactorTable]

    @classmethod
    def of(cls, imports: Imports) -> Self:
        """Return the factors with these imports."""
        tables = {}
        for basis in Basis:
            table = factor_tables()[TABLE, basis]
            known = imports.factors.get(basis)
            for whole_grid in (True, False):
                own = table.factors[IMPORTS]
                if known is not None:
                    own = known.of_grid if whole_grid else known.of_part
                tables[basis, whole_grid] = replace(table, factors={**table.factors, IMPORTS: own})
        return cls(imports, tables)

    def of_imports(self, basis: Basis, *, whole_grid: bool) -> Factor:
        """Return the factor of the imports: of the whole grid, or of any part of it."""
        return self.tables[basis, whole_grid].factors[IMPORTS]

    def intensity(self, shares: Shares, basis: Basis, zone: str, *, whole_grid: bool) -> Intensity:
        """Return the intensity of a half hour's shares, g/kWh.

        Parameters
        ----------
        shares
            The shares of the half hour.
        basis
            The basis of the figure.
        zone
            The zone, named in errors.
        whole_grid
            Whether the shares are those of the nation, which imports through all links.

        Raises
        ------
        InvalidError
            ``missing_fuel`` when the shares do not sum to 100 %, when one of NESO's nine fuels is
            not among them, even at 0, or when they name a fuel that has no factor.
        """
        table = self.tables[basis, whole_grid]
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
        # The table's order, so that no order of an answer changes the last digit of a sum.
        in_order = {fuel: shares.percent[fuel] for fuel in table.factors}
        return mix_intensity(in_order, table, provider=NAME, zone=zone)

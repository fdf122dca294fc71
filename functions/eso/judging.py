"""Judges NESO's figures by all that is known of their half hour."""

from collections.abc import Iterable
from typing import Final

from functions.eso.half_hours import LEAST_WHOLE, NAME, HalfHour
from functions.eso.shares import NUMBER, Shares, shares_of
from greenstream.domain.errors import InvalidError
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import check_gco2_kwh

LEAST_REGIONS: Final = 4
"""From so many regions on, a majority can show that NESO counts with other factors."""


def gco2_kwh_of(
    half_hour: HalfHour,
    key: str,
    zone: str,
    beside: tuple[float, float] | None = None,
    *,
    mix_decides: bool = True,
) -> float:
    """Return a figure of a half hour in g/kWh, checked against all that is known of it.

    Parameters
    ----------
    half_hour
        The half hour.
    key
        ``forecast`` or ``actual``.
    zone
        The zone, named in errors.
    beside
        The forecasts of the half hours before and after it, where they are known.
    mix_decides
        Whether a figure is refused that does not follow from the shares beside it.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``negative``, ``too_high``; ``wrong_unit`` when the figure is far below
        what its index or the combustion in its mix implies; ``false_zero`` when it is 0 although
        the forecast, the index or the mix is far from 0; ``falsely_low`` when an actual figure is
        a small part of its forecast, or a forecast without a mix a small part of both its
        neighbours; ``falsely_high`` for the opposite; ``implausible_gco2`` when the zone's mix
        cannot reach it; ``missing_fuel`` when the shares beside it do not name all generation;
        ``mix_identity`` when the figure does not follow from them.
    """
    gco2_kwh = check_gco2_kwh(half_hour.intensity.get(key), provider=NAME, zone=zone)
    shares = shares_of(half_hour.mix)
    reason = (
        _beyond_bounds(gco2_kwh, half_hour, key, zone, shares)
        or _beside_mix(gco2_kwh, shares, mix_decides=mix_decides)
        or (_beside_neighbours(gco2_kwh, zone, shares, beside) if key == "forecast" else None)
    )
    if reason is None:
        return gco2_kwh
    intensity = half_hour.intensity
    known = [
        f"index {intensity.get('index')!r:.40}",
        f"forecast {intensity.get('forecast')!r:.40}",
        f"{shares.burnt_gco2_kwh:.0f} g/kWh from combustion",
        f"{rules_of_source(NAME, zone).greatest_gco2_kwh:g} as the zone's greatest figure",
    ]
    if shares.whole_percent is not None:
        known.append(f"shares that sum to {shares.whole_percent:.1f} %")
    if (implied := shares.implied_import_gco2_kwh(gco2_kwh)) is not None:
        known.append(f"{implied:.0f} g/kWh that it implies for a kWh of imports")
    if beside is not None:
        known.append(f"{beside[0]:g} before and {beside[1]:g} after it")
    raise InvalidError(
        f"the {key} figure {gco2_kwh:g} is impossible beside {', '.join(known)}",
        reason=reason,
        provider=NAME,
        zone=zone,
    )


def _beyond_bounds(
    gco2_kwh: float, half_hour: HalfHour, key: str, zone: str, shares: Shares
) -> str | None:
    index, forecast = half_hour.intensity.get("index"), half_hour.intensity.get("forecast")
    rules, bounds = rules_of_provider(NAME), rules_of_source(NAME, zone)
    if not isinstance(forecast, NUMBER) or not 0 <= forecast <= bounds.greatest_gco2_kwh:
        forecast = None  # a false forecast says nothing about the actual figure
    near_zero, burnt = rules.zero_is_false_above_gco2_kwh, shares.burnt_gco2_kwh
    least_actual = 0.0
    if key == "actual":
        beside_far = forecast is None or forecast > near_zero
        if forecast is not None and beside_far:
            least_actual = rules.least_share_of_forecast * forecast
    else:
        beside_far = index != "very low" or burnt > near_zero or bounds.least_gco2_kwh > 0
    if gco2_kwh == 0:
        return "false_zero" if beside_far else None
    if gco2_kwh < max(LEAST_WHOLE, rules.least_gco2_kwh.get(str(index), 0.0), burnt / 2 - 1):
        return "wrong_unit"
    if gco2_kwh < least_actual:
        return "falsely_low"
    return "implausible_gco2" if gco2_kwh > bounds.greatest_gco2_kwh else None


def _beside_mix(gco2_kwh: float, shares: Shares, *, mix_decides: bool) -> str | None:
    if shares.whole_percent is None:
        return None
    if not shares.is_whole:
        return "missing_fuel"
    return "mix_identity" if mix_decides and not _follows(gco2_kwh, shares) else None


def check_national(gco2_kwh: float, shares: Shares, zone: str) -> None:
    """Check the nation's actual figure against the nation's mix, which comes in another answer.

    Raises
    ------
    InvalidError
        ``mix_identity`` when no factor of any link makes the figure follow from the mix.
    """
    identity = rules_of_provider(NAME).mix_identity
    if identity is None or not shares.is_whole:
        return
    if not _follows(gco2_kwh, shares, identity.national_tolerance_gco2_kwh):
        raise InvalidError(
            f"the actual figure {gco2_kwh:g} does not follow from the mix of its half hour:"
            f" {shares.burnt_gco2_kwh:.0f} g/kWh from combustion and"
            f" {shares.imports_percent:.1f} % of imports",
            reason="mix_identity",
            provider=NAME,
            zone=zone,
        )


def _follows(gco2_kwh: float, shares: Shares, tolerance_gco2_kwh: float | None = None) -> bool:
    """Return whether a figure is the sum of the shares times NESO's own factors.

    The imports count as one share, so that they may have any factor of a link. A factor that the
    figure implies for them and that no link has is impossible.
    """
    identity = rules_of_provider(NAME).mix_identity
    if identity is None:
        return True
    if tolerance_gco2_kwh is None:
        tolerance_gco2_kwh = identity.tolerance_gco2_kwh
    imported_gco2_kwh = identity.greatest_import_gco2_kwh * shares.imports_percent / 100
    least = shares.burnt_gco2_kwh - tolerance_gco2_kwh
    return least <= gco2_kwh <= least + imported_gco2_kwh + 2 * tolerance_gco2_kwh


def _beside_neighbours(
    gco2_kwh: float, zone: str, shares: Shares, beside: tuple[float, float] | None
) -> str | None:
    """Judge a forecast without a mix by its neighbours. A mix says more, where there is one."""
    if beside is None or shares.is_whole:
        return None
    rules, least, greatest = rules_of_provider(NAME), min(beside), max(beside)
    if greatest > rules_of_source(NAME, zone).greatest_gco2_kwh:
        return None  # a false neighbour says nothing
    share = rules.least_share_of_neighbours
    if least > rules.zero_is_false_above_gco2_kwh and gco2_kwh < share * least:
        return "falsely_low"
    if gco2_kwh > rules.zero_is_false_above_gco2_kwh and greatest < share * gco2_kwh:
        return "falsely_high"
    return None


def other_factors(half_hours: Iterable[HalfHour]) -> InvalidError | None:
    """Return an error when the figures of most regions do not follow from their shares.

    NESO then counts with other factors than `_follows` does. Great Britain must not be without
    figures until the factors are corrected here, so that the run reports this error, and refuses no
    figure for its mix.

    Parameters
    ----------
    half_hours
        The same half hour of all regions.
    """
    judged = [
        _follows(figure, shares)
        for half_hour in half_hours
        if isinstance(figure := half_hour.intensity.get("forecast"), NUMBER)
        and (shares := shares_of(half_hour.mix)).is_whole
    ]
    strays = judged.count(False)
    if len(judged) < LEAST_REGIONS or 2 * strays <= len(judged):
        return None
    return InvalidError(
        f"the figures of {strays} of {len(judged)} regions do not follow from their shares: NESO "
        "may count with other factors, so that no figure is refused for its mix",
        reason="mix_identity",
        provider=NAME,
    )

"""Brazil: the energy balance of ONS, one answer with the power of its four subsystems at a moment.

ONS renews the balance every minute. ``geracao`` has the power of each kind of plant in MW, with
its sum in ``total``. Brazil's half of Itaipu (50 Hz) and its other units (60 Hz) have members of
their own. Thermal power has no fuel: it may be bagasse, gas, oil or coal. See https://www.ons.org.br.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from functions.national.feed import Feed, Parsed, asked, is_number
from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.reading import EARLIEST, FUTURE_TOLERANCE
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "ons"
PATH: Final = "/api/energiaagora/GetBalancoEnergetico/null"
SUBSYSTEMS: Final = ("sudesteECentroOeste", "sul", "nordeste", "norte")
STEP: Final = timedelta(minutes=1)
TOTAL: Final = "total"

SUM_DIFFERS: Final = 0.01
"""The share by which a total may differ from the sum of its parts, whose moments differ. In the
recorded balance it is 0.02 %."""


def parse(answer: object, now: datetime) -> Parsed:
    """Return the slot of each subsystem that an answer holds.

    Parameters
    ----------
    answer
        The parsed answer.
    now
        The present, in UTC. A later balance is refused.

    Raises
    ------
    InvalidError
        ``malformed`` when the answer is no object with a time, ``future`` when the time is later
        than the present.
    """
    if not isinstance(answer, dict):
        raise _invalid(f"the answer is {type(answer).__name__}, not an object", "malformed")
    moment = _moment(answer.get("Data"))
    if moment - now > FUTURE_TOLERANCE:
        raise _invalid(f"the balance of {moment} is in the future", "future")
    slots = {
        subsystem: [MixSlot(_mix(answer[subsystem], moment))]
        for subsystem in SUBSYSTEMS
        if subsystem in answer
    }
    return Parsed(slots)


def _mix(subsystem: object, moment: datetime) -> Mix:
    generation = subsystem.get("geracao") if isinstance(subsystem, dict) else None
    mw: dict[str, float] = {}
    refusal: Refusal | None = None
    if isinstance(generation, dict):
        for fuel, value in generation.items():
            if is_number(value):
                mw[str(fuel)] = float(value)
            else:
                refusal = Refusal("not_a_number", f"{fuel!s:.40} makes {value!r:.40} MW")
        refusal = refusal or _differs(mw)
    else:
        refusal = Refusal("malformed", f"the generation is {type(generation).__name__}")
    mw.pop(TOTAL, None)
    return Mix(moment - STEP, moment, mw, refusal=refusal)


def _differs(mw: Mapping[str, float]) -> Refusal | None:
    """Return why the parts of a subsystem cannot be all of it."""
    if TOTAL not in mw:
        return Refusal("malformed", "the generation has no total")
    parts_mw = sum(value for fuel, value in mw.items() if fuel != TOTAL)
    if abs(parts_mw - mw[TOTAL]) <= SUM_DIFFERS * abs(mw[TOTAL]) + 1:
        return None
    return Refusal(
        "contradiction", f"the parts make {parts_mw:g} MW, and the total is {mw[TOTAL]:g} MW"
    )


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        utc = moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None or utc < EARLIEST:
        raise _invalid(f"the time {text!r:.60} is not ISO 8601 with an offset", "malformed")
    return utc


def _invalid(what: str, reason: str) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME)


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask ONS for the present balance; older ones cannot be asked for."""
    return parse(asked(http, PATH).json(provider=NAME), now)


ONS: Final = Feed(
    name=NAME,
    address="ONS_BASE_URL",
    table="ONS",
    read=read,
    not_metered="solar power on roofs and other small plants (micro- and minigeneration)",
)

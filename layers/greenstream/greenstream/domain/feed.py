"""A source's newest reading and hour profile, and what they say of an instant. Pure."""

from dataclasses import dataclass

from greenstream.domain.course import Course, Usual
from greenstream.domain.disputes import Claim
from greenstream.domain.drift import expected_gco2_kwh
from greenstream.domain.moment import Age, Moment
from greenstream.domain.origin import Origin
from greenstream.domain.reading import Kind, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A reading that may answer; ``order`` of its source and ``wish`` for its kind, best first.

    ``course`` is the hour profile of the reading's own zone, source and kind, if there is one: a
    shared source's reading is of another zone than the zone it stands for. ``then`` is what was
    usual by it in the middle of the reading's interval. ``spread_gco2_kwh`` is how far the zone
    usually is from its profile. ``usual`` is the hour profile of the reading's own zone, source and
    kind even where that zone is not the one that it stands for.
    """

    order: int
    wish: int
    max_age_s: float
    data_of: frozenset[str]
    whole: bool
    kind: Kind
    reading: Reading
    origin: Origin
    course: Course | None
    then: Usual | None
    usual: Course | None
    spread_gco2_kwh: float

    def drifted_gco2_kwh(self, age: Age, moment: Moment) -> tuple[float, bool]:
        """Return the value expected by now, g/kWh, and whether the zone's profile says so.

        The reading itself is expected where it is still valid, and where its own zone and source
        have no profile, or a profile that lacks an hour that matters or has too few days behind it.
        """
        gco2_kwh, then = self.reading.gco2_kwh, self.then
        if self.course is None or then is None or moment.now > then.stands_until:
            return gco2_kwh, False
        usual = self.course.at(moment.between)
        if usual is None or moment.now > usual.stands_until:
            return gco2_kwh, False
        if age.age_s == 0:
            return gco2_kwh, True
        return expected_gco2_kwh(gco2_kwh, then.gco2_kwh, usual.gco2_kwh, age.persistence), True

    def claim_at(self, age: Age, moment: Moment) -> Claim:
        """Return what the reading of this age claims, and what is usual by its profile."""
        reading = self.reading
        usual = None if self.usual is None else self.usual.at(moment.between)
        stands = usual is not None and moment.now <= usual.stands_until
        return Claim(
            provider=reading.provider,
            zone=reading.zone,
            kind=self.kind,
            scope=reading.scope,
            data_of=self.data_of,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            usual_gco2_kwh=usual.gco2_kwh if stands and usual is not None else None,
            doubt_gco2_kwh=self.spread_gco2_kwh * age.doubt_share,
        )

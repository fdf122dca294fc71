"""A source's newest reading and hour profile, and what they say of an instant. Pure."""

from dataclasses import dataclass
from datetime import datetime

from greenstream.domain.course import Course, Usual
from greenstream.domain.disputes import Claim
from greenstream.domain.drift import expected_gco2_kwh
from greenstream.domain.moment import Age, Moment
from greenstream.domain.origin import Origin
from greenstream.domain.reading import Kind, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A reading that may answer; ``order`` of its source and ``wish`` for its kind, best first.

    ``valid_to`` is the end of the reading's interval.
    ``course`` is the hour profile of the reading's own zone, source and kind, if there is one: a
    shared source's reading is of another zone than the zone it stands for. ``then`` is what was
    usual by it in the middle of the reading's interval. ``spread_gco2_kwh`` is how far the zone
    usually is from its profile, and ``unprofiled_spread_gco2_kwh`` what is assumed where the
    profile does not say what to expect by now. ``usual`` is the hour profile of the reading's own
    zone, source and kind even where that zone is not the one that it stands for.
    """

    order: int
    wish: int
    valid_to: datetime
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
    unprofiled_spread_gco2_kwh: float

    def drifted_gco2_kwh(self, age: Age, moment: Moment) -> float | None:
        """Return the value expected by now, g/kWh, if the zone's profile says so.

        It is the reading itself where that is still valid. ``None`` where the reading's own zone
        and source have no profile, or a profile that lacks an hour that matters or has too few days
        behind it.
        """
        course, then = self.course, self.then
        if course is None or then is None or moment.now > then.stands_until:
            return None
        usual_gco2_kwh = course.usual_gco2_kwh(moment.between, moment.now)
        if usual_gco2_kwh is None:
            return None
        if age.age_s == 0:
            return self.reading.gco2_kwh
        return expected_gco2_kwh(
            self.reading.gco2_kwh, then.gco2_kwh, usual_gco2_kwh, age.persistence
        )

    def claim_at(self, age: Age, moment: Moment) -> Claim:
        """Return what the reading of this age claims, and what is usual by its profile."""
        reading, usual_gco2_kwh = self.reading, None
        if self.usual is not None:
            usual_gco2_kwh = self.usual.usual_gco2_kwh(moment.between, moment.now)
        return Claim(
            provider=reading.provider,
            zone=reading.zone,
            kind=self.kind,
            scope=reading.scope,
            data_of=self.data_of,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            usual_gco2_kwh=usual_gco2_kwh,
            doubt_gco2_kwh=self.spread_gco2_kwh * age.doubt_share,
        )

"""Which figures of the candidates are compared: those of one kind that all of them have."""

from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.origin import NO_ORIGIN
from greenstream.domain.places import Pop, PopZone
from greenstream.domain.policy import RankingSignal
from greenstream.domain.ranking import FigureOf, like_for_like
from greenstream.domain.reading import Kind, Signal
from tests.builders import (
    AVERAGE_DIRECT,
    AVERAGE_LIFECYCLE,
    MARGINAL_DIRECT,
    a_figure,
)


def a_pop(name: str, *zones: str) -> Pop:
    return Pop(
        pop=name,
        name=name,
        country="XX",
        lat=0,
        lon=0,
        zones=tuple(
            PopZone(zone=zone, proxy=index > 0, proxy_reason="borrowed" if index else "")
            for index, zone in enumerate(zones)
        ),
        source="test",
    )


Known = dict[str, dict[Kind, Rung]]


class Table:
    """A fake of the ladder that has a given rung for each zone and kind."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def __call__(self, kinds: tuple[Kind, ...] | None) -> FigureOf:
        return lambda zone: self.figure(zone, kinds)

    def figure(self, zone: str, kinds: tuple[Kind, ...] | None) -> ZoneCarbon:
        rungs = self.known.get(zone, {})
        order = list(Rung)
        options = sorted(
            (order.index(rungs[kind]), index, kind)
            for index, kind in enumerate(kinds if kinds is not None else rungs)
            if kind in rungs
        )
        if not options:
            return ZoneCarbon(zone=zone, rung=Rung.NONE, origin=NO_ORIGIN)
        rank, _, kind = options[0]
        return a_figure(200, zone=zone, kind=kind, rung=order[rank])


LIVE, MEAN = Rung.LIVE, Rung.ANNUAL_MEAN


def kinds_of(known: Known, ranking: RankingSignal = RankingSignal.AUTO) -> dict[str, str]:
    pops = [a_pop(zone.lower(), zone) for zone in known]
    ranked = like_for_like(pops, Table(known), ranking)
    kinds = [str(figure.origin.kind) for figure in ranked.figures]
    return dict(zip(ranked.names, kinds, strict=True))


class TestLikeForLike:
    def test_a_shared_average_on_the_direct_basis_comes_first(self) -> None:
        both = {AVERAGE_LIFECYCLE: LIVE, AVERAGE_DIRECT: LIVE, MARGINAL_DIRECT: LIVE}
        assert set(kinds_of({"A": both, "B": both}).values()) == {"average/direct"}

    def test_lifecycle_where_only_that_is_shared(self) -> None:
        drawn = kinds_of(
            {
                "A": {AVERAGE_DIRECT: LIVE, AVERAGE_LIFECYCLE: LIVE},
                "B": {AVERAGE_LIFECYCLE: LIVE, AVERAGE_DIRECT: MEAN},
            }
        )
        assert set(drawn.values()) == {"average/lifecycle"}

    def test_marginal_only_where_every_candidate_has_it(self) -> None:
        marginal = {MARGINAL_DIRECT: LIVE, AVERAGE_DIRECT: MEAN}
        assert set(kinds_of({"A": marginal, "B": marginal}).values()) == {"marginal/direct"}

    def test_a_zone_with_marginal_only_falls_back_to_its_average_mean(self) -> None:
        """Otherwise a marginal figure would be compared with an average figure."""
        drawn = kinds_of(
            {"A": {MARGINAL_DIRECT: LIVE, AVERAGE_DIRECT: MEAN}, "B": {AVERAGE_DIRECT: LIVE}}
        )
        assert drawn == {"a": "average/direct", "b": "average/direct"}

    def test_a_zone_without_any_reading_does_not_spoil_the_shared_kind(self) -> None:
        drawn = kinds_of({"A": {AVERAGE_DIRECT: LIVE}, "B": {AVERAGE_DIRECT: MEAN}})
        assert set(drawn.values()) == {"average/direct"}

    def test_a_kind_of_which_a_pop_has_no_figure_is_not_shared(self) -> None:
        drawn = kinds_of(
            {
                "A": {AVERAGE_DIRECT: LIVE, AVERAGE_LIFECYCLE: LIVE},
                "B": {AVERAGE_LIFECYCLE: MEAN},
            }
        )
        assert set(drawn.values()) == {"average/lifecycle"}

    def test_the_signal_any_takes_the_first_kind_that_each_zone_has(self) -> None:
        drawn = kinds_of(
            {"A": {MARGINAL_DIRECT: LIVE}, "B": {AVERAGE_DIRECT: LIVE}}, RankingSignal.ANY
        )
        assert drawn == {"a": "marginal/direct", "b": "average/direct"}

    def test_a_pops_own_annual_mean_comes_before_a_neighbours_reading(self) -> None:
        """With New York's figure, Ashburn would attract visitors to a dirtier grid (ADR 15)."""
        table = Table({"PJM": {AVERAGE_DIRECT: MEAN}, "NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        [figure], [entry] = ranked.figures, ranked.entries
        assert figure.zone == entry.zone == "PJM"
        assert (entry.proxy_reason, entry.proxy) == ("", False)

    def test_a_neighbour_stands_in_where_nothing_is_known_of_the_own_grid_and_says_so(self) -> None:
        table = Table({"NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        [figure], [entry] = ranked.figures, ranked.entries
        assert figure.zone == entry.zone == "NYISO"
        assert (entry.proxy_reason, entry.proxy) == ("borrowed", True)

    def test_the_first_of_two_own_grids_with_a_reading_is_used(self) -> None:
        pop = Pop(
            pop="x",
            name="x",
            country="XX",
            lat=0,
            lon=0,
            zones=tuple(PopZone(zone=zone, proxy=False, proxy_reason="") for zone in "AB"),
            source="test",
        )
        table = Table({"A": {AVERAGE_DIRECT: MEAN}, "B": {AVERAGE_DIRECT: Rung.STALE}})

        assert like_for_like([pop], table, RankingSignal.AUTO).figures[0].zone == "B"

    def test_a_pop_keeps_its_own_zone_while_that_has_a_reading(self) -> None:
        table = Table({"PJM": {AVERAGE_DIRECT: Rung.STALE}, "NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        assert ranked.figures[0].zone == "PJM"

    @given(
        st.dictionaries(
            st.sampled_from("ABCDEF"),
            st.dictionaries(
                st.sampled_from([AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT]),
                st.sampled_from([Rung.LIVE, Rung.STALE, Rung.ANNUAL_MEAN]),
            ),
            min_size=1,
        ),
        st.sampled_from([RankingSignal.AUTO, RankingSignal.AVERAGE, RankingSignal.MARGINAL]),
    )
    def test_marginal_and_average_are_never_ranked_together(
        self, known: Known, ranking: RankingSignal
    ) -> None:
        pops = [a_pop(zone.lower(), zone) for zone in known]
        ranked = like_for_like(pops, Table(known), ranking)

        kinds = {figure.origin.kind for figure in ranked.figures}
        signals = {kind.signal for kind in kinds if kind}
        assert len(signals) <= 1
        if ranking is not RankingSignal.AUTO:
            assert signals <= {Signal(str(ranking))}

"""A row of the comparison of two builds says whether its target is held, and by which figure."""

from pathlib import Path

import pytest

from tests.bench.against import Row, main
from tests.bench.two_builds.build import UnknownCommitError, build_of, sources_of, this_build


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("time", 10.0, 2.0, "ms", 0.20), "held"),
        (Row("time", 10.0, 2.1, "ms", 0.20), "missed"),
        (Row("time", 10.0, 2.1, "ms", 10.0, value=2.1), "held"),
        (Row("share", 0.4, 0.5, "", 0.5, value=0.5, at_least=True), "held"),
        (Row("share", 0.4, 0.49, "", 0.5, value=0.49, at_least=True), "missed"),
        (Row("answer", 10.0, 1.0, "ms", 0.5, also=False), "missed"),
        (Row("start", None, None, "", 0.85, note="no Python 3.13"), "skipped: no Python 3.13"),
    ],
)
def test_a_row_ends_in_its_verdict(row: Row, verdict: str) -> None:
    assert row.verdict == verdict
    assert str(row).endswith(verdict)


def test_a_commit_that_the_repository_lacks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnknownCommitError, match="no commit abc-no-commit"):
        build_of("abc-no-commit", tmp_path)
    assert main(["abc-no-commit"]) == 2
    assert "no commit abc-no-commit" in capsys.readouterr().err


def test_a_world_has_the_asked_number_of_rows_and_only_known_sources(tmp_path: Path) -> None:
    build = this_build(tmp_path)
    known = {zone: sources[:1] for zone, sources in sources_of(build.package).items()}
    table = sources_of(build.world(100, 70, known) / "greenstream")
    assert len(table) == 100
    assert all(len(sources) <= 1 for sources in table.values())

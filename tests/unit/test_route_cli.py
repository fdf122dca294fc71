"""``greenstream route`` asks a router, or decides by yearly means and says so."""

import json
from pathlib import Path

import pytest

from greenstream.cli.asking import BY_MEANS, URL_VARIABLE
from greenstream.cli.main import main


@pytest.fixture(autouse=True)
def no_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no router be named by the environment."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    """Run the command without a local stack, and return its exit code and its output."""
    code = main(["--state-dir", str(folder), "route", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_without_a_router_the_places_are_ranked_by_yearly_means_and_it_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pops = "aws:ap-southeast-2,aws:ap-northeast-1,gcp:asia-southeast1"
    code, out, _ = run(capsys, tmp_path, "--from", "sydney", "--pops", pops)

    first, second, *rows = out.splitlines()
    assert (code, first) == (0, BY_MEANS)
    assert second.startswith("aws:ap-southeast-2 (660 g/kWh average/direct in AU_NSW")
    assert {row.split()[0] for row in rows} == set(pops.split(","))
    assert all("annual_mean" in row for row in rows)
    sydney = next(row.split() for row in rows if row.startswith("aws:ap-southeast-2"))
    assert sydney[2:7] == ["660", "g/kWh", "average/direct", "consumption", "nga"]


def test_the_latency_limit_holds_without_a_router_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("--from", "sydney", "--pops", "syd,sin", "--max-latency-ms", "300", "--json")
    code, out, _ = run(capsys, tmp_path, *words)

    answer = json.loads(out)
    assert (code, answer["pop"]) == (0, "sin")
    assert {row["pop"]: row["eligible"] for row in answer["candidates"]} == {
        "syd": True,
        "sin": True,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--allow", "JP"), "allow: leaves none of what is asked about"),
        (("--pops", "lon,ams", "--deny", "EU,GB"), "deny: leaves none"),
        (("--pops", "sydny"), "pops: does not know sydny; near it are"),
        (("--from", "san jose"), "from: is the name of cities far from each other"),
        (("--url", "ftp://x"), "--url must begin with http:// or https://"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, tmp_path, *words)
    assert (code, out) == (1, "")
    assert said in err

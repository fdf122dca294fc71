"""Runs a provider's real code on recorded bytes, for the comparisons."""

from collections.abc import Sequence
from datetime import datetime

from greenstream.domain.reading import Reading
from infra.local.upstream.wire import Answer
from infra.reading.answers import FileAnswer
from infra.reading.pipeline import Step, run_steps
from infra.registry import COLLECTORS


def history_of(
    provider: str, zone: str, runs: Sequence[tuple[datetime, str, bytes]], content_type: str
) -> Sequence[Reading]:
    """Return what a provider's code has stored of a zone after several runs, on every kind.

    Parameters
    ----------
    provider, zone
        Which collector runs, and for which zone.
    runs
        When each run takes place (UTC), which URLs it answers (a pattern of ``fnmatch``), and
        the bytes of the answer.
    content_type
        The content type of the answers.
    """
    steps = [
        Step(at, (FileAnswer(pattern, Answer(body, content_type)),)) for at, pattern, body in runs
    ]
    return run_steps(COLLECTORS[provider], steps, zone=zone, cold=False).history

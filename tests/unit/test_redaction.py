"""Text that quotes an upstream contains no secret, however the secret was encoded in it."""

import html
import json
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from greenstream.domain.errors import InvalidError, PermanentError
from greenstream.ingest.redaction import redacted, without_secrets
from greenstream.ports.provider import Batch
from tests.builders import a_reading

SECRET = "key/+=0123'\"\\<&>456789"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        repr(SECRET),
        repr(SECRET.encode()),
        json.dumps(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
    ],
)
def test_a_secret_is_removed_in_every_encoding(written: str) -> None:
    text = without_secrets(f"you sent {written}, sorry", SECRET)
    assert text.startswith("you sent ")
    assert text.endswith(", sorry")
    assert "[secret]" in text
    assert "456789" not in text
    assert "0123" not in text


@pytest.mark.parametrize("cut", range(6, len(SECRET)))
def test_the_beginning_of_a_secret_at_the_end_of_a_truncated_quote_is_removed(cut: int) -> None:
    assert without_secrets(f"you sent {SECRET[:cut]}", SECRET) == "you sent [secret]"


def test_other_text_stays_as_it_is() -> None:
    assert without_secrets("a key, no more", SECRET, None, "") == "a key, no more"


def test_a_secret_that_is_part_of_another_leaves_no_part_of_the_other() -> None:
    assert without_secrets("abcdefgh-0123456789", "cdef", "abcdefgh-0123456789") == "[secret]"
    assert without_secrets("e", "e", "s", "c") == "[secret]"


def test_a_batch_keeps_its_figures_and_loses_the_secrets_in_its_errors_and_details() -> None:
    reading = a_reading(
        detail={"warnings": [f"you sent {SECRET}"], "lb_mwh": 937.0, "more": {"said": SECRET}}
    )
    error = InvalidError(f"units: {SECRET!r}", reason="wrong_unit", provider="p", zone="Z")
    acknowledged: list[str] = []
    batch = Batch(
        readings=(reading,), errors=(error,), acknowledge=lambda: acknowledged.append("stored")
    )

    [clean] = redacted(iter([batch]), {SECRET})

    assert clean.errors == (error,)
    assert (error.message, str(error)) == ("units: '[secret]'", "p/Z: units: '[secret]'")
    [read] = clean.readings
    assert read.gco2_kwh == reading.gco2_kwh
    assert read.detail == {
        "warnings": ["you sent [secret]"],
        "lb_mwh": 937.0,
        "more": {"said": "[secret]"},
    }
    clean.acknowledge()
    assert acknowledged == ["stored"]


def test_a_batch_without_a_secret_passes_unchanged() -> None:
    batch = Batch(readings=(a_reading(detail={"said": "nothing"}),))
    [clean] = redacted(iter([batch]), {SECRET})
    assert clean.readings[0] is batch.readings[0]


def test_an_error_that_ends_a_run_is_redacted_too() -> None:
    def refused() -> Iterator[Batch]:
        yield Batch()
        raise PermanentError(f"{SECRET} is refused", provider="p")

    with pytest.raises(PermanentError) as ended:
        list(redacted(refused(), {SECRET}))
    assert ended.value.message == "[secret] is refused"


def test_a_fault_of_our_own_is_redacted_with_its_cause() -> None:
    def broken() -> Iterator[Batch]:
        yield Batch()
        try:
            int(SECRET)
        except ValueError as error:
            raise KeyError(SECRET, 5) from error

    with pytest.raises(KeyError) as ended:
        list(redacted(broken(), {SECRET}))
    shown = "".join(traceback.format_exception(ended.value))
    assert ended.value.args == ("[secret]", 5)
    assert "invalid literal for int() with base 10: '[secret]" in shown
    assert "456789" not in shown


def test_the_secrets_are_those_known_when_a_batch_comes() -> None:
    sent: set[str] = set()

    def logged_in() -> Iterator[Batch]:
        sent.add(SECRET)
        yield Batch(errors=(PermanentError(SECRET, provider="p"),))

    [batch] = redacted(logged_in(), sent)
    assert batch.errors[0].message == "[secret]"


def test_a_detail_of_nothing_but_a_short_secret_stays_within_its_size() -> None:
    reading = a_reading(detail={"said": "e" * 10_000})
    [clean] = redacted(iter([Batch(readings=(reading,))]), {"e"})
    [read] = clean.readings
    assert "e" not in str(read.detail["said"]).replace("[secret]", "")
    assert len(str(read.detail["said"])) <= 10_000

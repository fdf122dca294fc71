"""Reports of round trips: parsing and checking of what reporters send."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Final, NoReturn

from greenstream.api.fields import COLO, FieldError, QuestionError
from greenstream.api.refusals import plain, unknown_colo, unknown_place
from greenstream.domain.places import colos, places, pops
from greenstream.domain.roundtrips import MAX_RTT_MS, MIN_RTT_MS, RttSample

MAX_BYTES: Final = 16 * 1024
"""The greatest size of a report."""

MAX_SAMPLES: Final = 100
SAMPLE_FIELDS: Final = ("colo", "pop", "rtt_ms")


def latency_report(body: bytes) -> tuple[RttSample, ...]:
    """Parse the body of ``POST /v1/latency``.

    Parameters
    ----------
    body
        JSON: ``{"samples": [{"colo": "AMS", "pop": "ams", "rtt_ms": 3.5}, …]}``.

    Raises
    ------
    QuestionError
        When the report is not valid. It names every field at fault, such as
        ``samples[3].rtt_ms``.
    """
    try:
        report = json.loads(body, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):  # 16 kB of open brackets exceed the recursion limit.
        raise QuestionError([FieldError("body", "is not JSON in UTF-8")]) from None
    errors: list[FieldError] = []
    samples = _members(report, "body", ("samples",), errors).get("samples")
    if errors:
        raise QuestionError(errors)
    if not isinstance(samples, list) or not 1 <= len(samples) <= MAX_SAMPLES:
        wrong = FieldError("samples", f"must be a list of 1 to {MAX_SAMPLES} samples")
        raise QuestionError([wrong])
    parsed = [_sample(sample, f"samples[{index}]", errors) for index, sample in enumerate(samples)]
    if errors:
        raise QuestionError(errors)
    return tuple(sample for sample in parsed if sample is not None)


def _sample(sample: object, name: str, errors: list[FieldError]) -> RttSample | None:
    errors_before = len(errors)
    members = _members(sample, name, SAMPLE_FIELDS, errors)
    if len(errors) > errors_before:
        return None
    colo, pop, rtt_ms = (members[field] for field in SAMPLE_FIELDS)
    if not isinstance(colo, str) or not COLO.fullmatch(colo):
        errors.append(FieldError(f"{name}.colo", "must be three capital letters, as in AMS"))
    elif colo not in colos():
        errors.append(FieldError(f"{name}.colo", unknown_colo(colo)))
    if not isinstance(pop, str):
        errors.append(FieldError(f"{name}.pop", "must be the name of a place, as in ams"))
    elif pop not in pops() and pop not in places():
        near, said = unknown_place(pop, alone=True)
        errors.append(FieldError(f"{name}.pop", said, near))
    milliseconds = _rtt_ms(rtt_ms)
    if milliseconds is None:
        limits = f"must be a number from {MIN_RTT_MS:g} to {MAX_RTT_MS:g}"
        errors.append(FieldError(f"{name}.rtt_ms", limits))
    if len(errors) > errors_before or milliseconds is None:
        return None
    return RttSample(colo=str(colo), pop=str(pop), rtt_ms=milliseconds)


def _rtt_ms(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if MIN_RTT_MS <= value <= MAX_RTT_MS else None  # NaN is refused too.


def _members(
    value: object, name: str, fields: tuple[str, ...], errors: list[FieldError]
) -> Mapping[str, object]:
    """Return an object's members, and add an error for each missing or unknown one."""
    if not isinstance(value, dict):
        errors.append(FieldError(name, "must be an object", fields))
        return {}
    inside = "" if name == "body" else f"{name}."
    errors += [
        FieldError(f"{inside}{field}", "is required") for field in fields if field not in value
    ]
    errors += [
        FieldError(f"{inside}{plain(member) or 'member'}", "is not a member here", fields)
        for member in value
        if member not in fields
    ]
    return value


def _unique(members: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object's members, and refuse members that are given more than once."""
    unique = dict(members)
    if len(unique) < len(members):
        counts = Counter(name for name, _ in members)
        repeated = [plain(name) or "member" for name in unique if counts[name] > 1]
        raise QuestionError([FieldError(name, "is given more than once") for name in repeated])
    return unique


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")

"""Reads the answer of ``/metrics`` by the parser of Prometheus' official library."""

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Samples:
    """The samples of an answer: their families' names, labels and values."""

    listed: tuple[tuple[str, dict[str, str], float], ...]

    def of(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values of a family's samples that have these labels."""
        return [
            (own, value)
            for family, own, value in self.listed
            if family == name and labels.items() <= own.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the value of the only sample that has these labels."""
        [(_, value)] = self.of(name, **labels)
        return value

    def labels_by_family(self) -> dict[str, set[str]]:
        """Return the names of the labels that each family has."""
        names: dict[str, set[str]] = {}
        for family, labels, _ in self.listed:
            names.setdefault(family, set()).update(labels)
        return names


def samples_of(text: str) -> Samples:
    """Return the samples of Prometheus text."""
    return Samples(
        tuple(
            (sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )
    )

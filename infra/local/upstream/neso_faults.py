"""The faults that NESO's simulator can put into an answer, each as it was once seen or may come."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import PayloadFault


def every_object(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Yield each object of a JSON document, the outermost first."""
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from every_object(child)


def change_objects(
    body: str, fault: Mapping[str, Any], change: Callable[[dict[str, Any]], None]
) -> str:
    """Return the body with each object changed, or only those inside the fault's region."""
    document = json.loads(body)
    regions = [node for node in every_object(document) if "regionid" in node]
    affected = [node for node in regions if fault.get("zone") in {None, f"GBR-{node['regionid']}"}]
    for part in affected if regions else [document]:
        for node in every_object(part):
            change(node)
    return json.dumps(document, separators=(",", ":"))


def false_zero(body: str, fault: Mapping[str, Any]) -> str:
    """Set ``actual`` to 0 with the index "very low", as on 2023-06-07."""

    def change(node: dict[str, Any]) -> None:
        if "actual" in node:
            node |= {"actual": 0, "index": "very low"}

    return change_objects(body, fault, change)


def null_actual(body: str, fault: Mapping[str, Any]) -> str:
    """Set ``actual`` to null in the past, as on 2023-01-26."""

    def change(node: dict[str, Any]) -> None:
        if "actual" in node:
            node["actual"] = None

    return change_objects(body, fault, change)


def null_forecast(body: str, fault: Mapping[str, Any]) -> str:
    """Set ``forecast`` to null, which is the only intensity of a region."""

    def change(node: dict[str, Any]) -> None:
        if "forecast" in node:
            node["forecast"] = None

    return change_objects(body, fault, change)


def figures_as(change: Callable[[float], float | None]) -> PayloadFault:
    """Make a fault that changes each intensity."""

    def fault(body: str, posted: Mapping[str, Any]) -> str:
        def spoil(node: dict[str, Any]) -> None:
            for key in ("actual", "forecast"):
                if node.get(key) is not None:
                    node[key] = change(node[key])

        return change_objects(body, posted, spoil)

    return fault


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Leave ``fuel`` out of each mix. It is gas by default."""

    def change(node: dict[str, Any]) -> None:
        if "generationmix" in node:
            fuel = fault.get("fuel") or "gas"
            node["generationmix"] = [row for row in node["generationmix"] if row["fuel"] != fuel]

    return change_objects(body, fault, change)


def half_mix(body: str, fault: Mapping[str, Any]) -> str:
    """Leave every second fuel out of each mix."""

    def change(node: dict[str, Any]) -> None:
        if "generationmix" in node:
            node["generationmix"] = node["generationmix"][::2]

    return change_objects(body, fault, change)


def spike(body: str, fault: Mapping[str, Any]) -> str:
    """Give the figures of one half hour, the second of each list, as many times too great.

    A list begins with the half hour before the present one.
    """
    places: Counter[object] = Counter()

    def change(node: dict[str, Any]) -> None:
        if "intensity" not in node:
            return
        place = node.get("regionid")
        places[place] += 1
        if places[place] == 2:  # noqa: PLR2004
            intensity = node["intensity"]
            node["intensity"] = intensity | {
                key: intensity[key] * JUMP for key in ("forecast", "actual") if intensity.get(key)
            }

    return change_objects(body, fault, change)


def missing_region(body: str, fault: Mapping[str, Any]) -> str:
    """Leave the region ``zone`` out of answers about all regions. It is GBR-13 by default."""
    zone = fault.get("zone") or "GBR-13"
    document = json.loads(body)
    for node in every_object(document):
        if "regions" in node:
            node["regions"] = [
                region for region in node["regions"] if f"GBR-{region['regionid']}" != zone
            ]
    return json.dumps(document, separators=(",", ":"))

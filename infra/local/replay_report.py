"""Writes the report of a replay: an HTML file with pictures, and the pictures as PNG files.

infra/docs/SAVINGS.md shows some of these pictures.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greenstream.domain.policy import Policy
from greenstream_tuning.choosing import Chooser, figures
from greenstream_tuning.replay import NEAREST, ORACLE, Row
from greenstream_tuning.search import SearchResult
from greenstream_tuning.world import World
from infra.local.replay_table import fallback_cells

COLOURS: Final = {
    "nearest": "#6b7280",
    "best_static": "#b45309",
    "default": "#7c3aed",
    "owner": "#be185d",
    "tuned": "#047857",
    "oracle": "#111827",
}
POP_COLOURS: Final = ("#0369a1", "#be123c", "#b45309", "#047857", "#7c3aed", "#4b5563")
NAMES: Final = {
    "nearest": "nearest POP",
    "best_static": "best static choice",
    "default": "default policy",
    "owner": "plain price of age",
    "tuned": "tuned policy",
    "oracle": "hourly oracle",
}
DAY_S: Final = 86_400
HOUR_S: Final = 3600
STEP_S: Final = 300
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#111827}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #e5e7eb}"
    "th:nth-child(2),td:nth-child(2){text-align:left}td{white-space:nowrap}"
    "tbody tr:nth-child(6n) td{border-bottom-color:#6b7280}.wide{overflow-x:auto}"
    "figure{margin:2rem 0}figcaption{color:#4b5563}svg{width:100%;height:auto}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the report shows: rows, their world and, if there was one, the search for a policy.

    ``since_s`` and ``until_s`` bound the replayed time in seconds since 1970.
    """

    rows: Sequence[Row]
    world: World
    search: SearchResult | None
    since_s: int
    until_s: int
    basis: str
    about: str


def write(replayed: Replayed, folder: Path) -> list[Path]:
    """Write ``replay.html`` and a PNG of each picture into a folder, and return the files."""
    day = "the day on which the cleanest grid changed most often"
    mpl.rcParams.update({"svg.fonttype": "none", "font.size": 11, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "svg.hashsalt": "replay"})
    pictures = {
        "carbon_by_limit": (
            _carbon_by_limit(replayed),
            "The carbon intensity that each policy delivers under each limit of the round trip.",
        ),
        "a_day": (_day(replayed), f"The decisions of the default policy under 150 ms, on {day}."),
    }
    if replayed.search is not None:
        pictures["search"] = (
            _pareto(replayed.search),
            "The policies tried on the training years: carbon above the oracle, and switches.",
        )
        if replayed.search.importance:
            pictures["importance"] = (
                _importance(replayed.search.importance),
                "How much each setting matters; one that the search fixed early looks unimportant.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (figure, _) in pictures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=144, metadata={"Software": None})
        written.append(path)
    page = folder / "replay.html"
    page.write_text(_page(replayed, pictures))
    return [page, *written]


def _carbon_by_limit(replayed: Replayed) -> Figure:
    figure = Figure(figsize=(8, 6.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    oracle = _oracle(replayed.rows)
    for policy in dict.fromkeys(row.policy for row in replayed.rows):
        own = [row for row in replayed.rows if row.policy == policy]
        limits_ms = [row.limit_ms for row in own]
        line: dict[str, Any] = {"color": COLOURS[policy], "marker": "o", "markersize": 4}
        delivered = [row.delivered_gco2_kwh for row in own]
        style = "--" if policy == ORACLE else "-"
        above.plot(limits_ms, delivered, label=NAMES[policy], linestyle=style, **line)
        if policy not in (NEAREST, ORACLE):
            over = [100 * _over(row, oracle) for row in own]
            below.plot(limits_ms, over, **line)
            label = f"{over[-1]:.1f} %"
            labels = [text.get_text() for text in below.texts]
            if label not in labels:  # two of the same height would lie on each other
                below.annotate(label, (limits_ms[-1], over[-1]), (8, -4),
                               textcoords="offset points", color=COLOURS[policy])  # fmt: skip
    above.set_ylabel(f"delivered, g/kWh ({replayed.basis})")
    below.set_ylabel("above the oracle, %")
    below.set_xlabel("round-trip limit, ms")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
    above.legend(frameon=False, ncols=3, loc="lower left")
    return figure


def _oracle(rows: Sequence[Row]) -> Mapping[float, float]:
    return {row.limit_ms: row.delivered_gco2_kwh for row in rows if row.policy == ORACLE}


def _over(row: Row, oracle: Mapping[float, float]) -> float:
    return row.delivered_gco2_kwh / oracle[row.limit_ms] - 1


def _day(replayed: Replayed) -> Figure:
    world = replayed.world
    day_s = _liveliest_day_s(replayed)
    steps = np.arange(
        day_s - DAY_S, day_s + DAY_S, STEP_S
    )  # the day before lets the choices settle
    policy = Policy()
    carbon = np.array([figures(feed.seen(steps), feed, policy) for feed in world.feeds])
    chooser = Chooser(world.pops, world.rtt_ms, policy, [150.0])
    chosen = chooser.choose(carbon)[-DAY_S // STEP_S :, 0]
    today = steps[-DAY_S // STEP_S :]
    hours = (today - day_s) / HOUR_S
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for number, (pop, trace) in enumerate(zip(world.pops, world.truth, strict=True)):
        above.step(hours, trace.at(today), where="post", color=_pop_colour(number), label=pop)
    above.set_ylabel(f"g/kWh ({replayed.basis})")
    above.set_ylim(bottom=0)
    above.legend(frameon=False, ncols=len(world.pops), loc="lower center", bbox_to_anchor=(0.5, 1))
    for row, visitor in enumerate(world.visitors):
        for number in range(len(world.pops)):
            taken = chosen[:, row] == number
            below.fill_between(
                hours, row - 0.4, row + 0.4, where=taken, color=_pop_colour(number), step="post"
            )
        below.text(-0.3, row, visitor, ha="right", va="center")
    below.set_yticks([])
    below.set_xlabel(
        "hour of the day, UTC; each row is a place of visitors, in the colour of its POP"
    )
    below.spines["left"].set_visible(False)
    below.set_xlim(0, 24)
    below.set_xticks(range(0, 25, 3))
    return figure


def _liveliest_day_s(replayed: Replayed) -> int:
    hours = np.arange(replayed.since_s, replayed.until_s, HOUR_S)
    truth = np.array([trace.at(hours) for trace in replayed.world.truth])
    cleanest = np.where(np.isnan(truth), np.inf, truth).argmin(axis=0)
    days = cleanest[: len(cleanest) // 24 * 24].reshape(-1, 24)
    changes = (days[:, 1:] != days[:, :-1]).sum(axis=1)
    return replayed.since_s + int(changes.argmax()) * DAY_S


def _pop_colour(number: int) -> str:
    return POP_COLOURS[number % len(POP_COLOURS)]


def _pareto(search: SearchResult) -> Figure:
    figure, axes = _figure()
    for allowed, colour, label in (
        (False, "#d1d5db", "breaks a constraint"),
        (True, COLOURS["tuned"], "allowed"),
    ):
        own = [trial for trial in search.trials if trial["allowed"] is allowed]
        switches = [trial["switches_per_year"] for trial in own]
        axes.scatter(switches, [100 * trial["excess"] for trial in own], color=colour, label=label)
    front: list[Mapping[str, Any]] = []
    allowed_trials = [trial for trial in search.trials if trial["allowed"]]
    for trial in sorted(allowed_trials, key=itemgetter("switches_per_year", "excess")):
        if not front or trial["excess"] < front[-1]["excess"]:
            front.append(trial)
    axes.plot(
        [trial["switches_per_year"] for trial in front],
        [100 * trial["excess"] for trial in front],
        color="#111827",
        drawstyle="steps-post",
        label="Pareto front of the allowed policies",
    )
    axes.axhline(100 * search.trials[0]["in_force_excess"], color=COLOURS["default"], linestyle=":")
    axes.set_xlabel("switches per year and visitor, mean over the limits")
    axes.set_ylabel("carbon above the oracle, % (dotted: default policy)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def _importance(importance: Mapping[str, float]) -> Figure:
    figure, axes = _figure()
    names = sorted(importance, key=importance.__getitem__)
    axes.barh(names, [importance[name] for name in names], color=COLOURS["tuned"])
    axes.set_xlabel("share of importance (PED-ANOVA)")
    return figure


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    return figure, figure.subplots()


def _page(replayed: Replayed, pictures: Mapping[str, tuple[Figure, str]]) -> str:
    shown = "".join(
        f"<figure>{_svg(figure, caption)}<figcaption>{escape(caption)}</figcaption></figure>"
        for figure, caption in pictures.values()
    )
    oracle = _oracle(replayed.rows)
    rows = "".join(
        f"<tr><td>{row.limit_ms:g}</td><td>{escape(NAMES[row.policy])}</td>"
        f"<td>{row.delivered_gco2_kwh:.1f}</td><td>{row.reduction:.1%}</td>"
        f"<td>{_over(row, oracle):.2%}</td>"
        f"<td>{row.median_rtt_ms:.0f}</td><td>{row.p95_rtt_ms:.0f}</td>"
        f"<td>{row.violations}</td><td>{row.switches_per_year:.0f}</td>"
        f"{''.join(f'<td>{cell}</td>' for cell in fallback_cells(row))}</tr>"
        for row in replayed.rows
    )
    heads = (
        "limit, ms",
        "policy",
        "g/kWh",
        "below nearest",
        "above oracle",
        "median, ms",
        "p95, ms",
        "violations",
        "switches/year",
        "no reading",
        "their g/kWh",
    )
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>What GreenStream saves</title><style>{STYLE}</style>"
        f"<h1>What GreenStream saves</h1><p>{escape(replayed.about)}</p>{shown}"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></html>\n"
    )


def _svg(figure: Figure, caption: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(caption)}"', 1)

"""Shows delays: a table and a chart in the terminal, and a picture.

The input is the records of the stream ``delays`` as they were read back. Only means are computed from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

Delay = dict[str, Any]
BLOCKS = " ▏▎▍▌▋▊▉█"
WIDTH = 40
FLIGHTS_COLOUR, CANCELLED_COLOUR = "#c9d6e2", "#a50026"
MOST_SHOWN = 60
"""The scale of the colours ends at this many minutes: one flight was 21 hours late."""


def mean_delay(delays: Iterable[Delay]) -> float | None:
    """The mean departure delay of all flights in some rows, in minutes; None if none departed."""
    flown = [
        (row["flights"] - row["cancelled"], row["mean_dep_delay"])
        for row in delays
        if row["mean_dep_delay"] is not None
    ]
    flights = sum(count for count, _ in flown)
    return sum(count * mean for count, mean in flown) / flights if flights else None


def grouped(delays: Iterable[Delay], key: str) -> dict[str, list[Delay]]:
    """The rows by carrier or by day, in order."""
    groups: dict[str, list[Delay]] = defaultdict(list)
    for row in delays:
        groups[row[key]].append(row)
    return dict(sorted(groups.items()))


def total(delays: Iterable[Delay], field: str) -> int:
    """The sum of a field over some rows: flights, or cancelled flights."""
    return sum(row[field] for row in delays)


def table(delays: list[Delay]) -> Table:
    """Carriers, the most delayed first."""
    shown = Table(title="Departures from New York City, January 2013", title_justify="left")
    for name in ("carrier", "days", "flights", "cancelled", "mean delay"):
        shown.add_column(name, justify="left" if name == "carrier" else "right")
    carriers = grouped(delays, "carrier")
    for carrier, rows in sorted(carriers.items(), key=lambda item: -(mean_delay(item[1]) or 0)):
        mean = mean_delay(rows)
        counts = (len(rows), total(rows, "flights"), total(rows, "cancelled"))
        shown.add_row(carrier, *(f"{count:,}" for count in counts), "" if mean is None else f"{mean:.1f} min")
    return shown


def bar(value: float, most: float) -> str:
    """A bar of eighths of a character."""
    eighths = round(max(value, 0) / most * WIDTH * 8)
    return BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()


def chart(delays: list[Delay], write: Callable[[str], object]) -> None:
    """The mean delay of each day as a bar."""
    days = {day: mean_delay(rows) or 0.0 for day, rows in grouped(delays, "day").items()}
    most = max(days.values())
    write("Mean departure delay by UTC day, minutes")
    for day, mean in days.items():
        write(f"{day} {mean:6.1f} {bar(mean, most)}")


def show(delays: list[Delay], console: Console) -> None:
    """Table and chart in the terminal."""
    console.print(table(delays))
    console.print()
    chart(delays, lambda line: console.print(line, highlight=False))


def draw(delays: list[Delay], file: Path) -> None:
    """Save a picture: the delay of each carrier on each day, and below it the scheduled and the cancelled flights of each day."""
    days = grouped(delays, "day")
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(12, 8), layout="constrained")
        late, count = figure.subplots(2, 1, sharex=True, height_ratios=[5, 2])
        colours = _draw_lateness(late, delays, list(days))
        _draw_counts(count, list(days.values()))
        count.set_xticks(range(len(days)), [day_label(day) for day in days])
        figure.colorbar(colours, ax=late, label="mean delay, minutes", extend="both", pad=0.01)
        figure.suptitle("Departures from New York City, January 2013", x=0.01, ha="left", fontsize=14, weight="bold")
        figure.savefig(file, dpi=120)


def day_label(day: str) -> str:
    """``2013-02-01`` → ``1 Feb``, with the month only on its first day."""
    date_ = date.fromisoformat(day)
    return f"{date_.day}\n{date_:%b}" if date_.day == 1 else str(date_.day)


def _draw_lateness(axes: Any, delays: list[Delay], days: list[str]) -> Any:
    """Draw a square for each carrier and day, white if none of its flights departed; the biggest carrier is on top."""
    carriers = grouped(delays, "carrier")
    names = sorted(carriers, key=lambda carrier: -total(carriers[carrier], "flights"))
    means = {(row["carrier"], row["day"]): row["mean_dep_delay"] for row in delays}
    grid = [[means.get((name, day)) for day in days] for name in names]
    squares = [[float("nan") if mean is None else mean for mean in row] for row in grid]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylabel("carrier, by number of flights")
    axes.set_title("How late flights left, by carrier and day", loc="left")
    return axes.imshow(squares, cmap="RdYlBu_r", vmin=-MOST_SHOWN, vmax=MOST_SHOWN, aspect="auto")


def _draw_counts(axes: Any, days: list[list[Delay]]) -> None:
    positions = range(len(days))
    axes.bar(positions, [total(rows, "flights") for rows in days], color=FLIGHTS_COLOUR, label="scheduled")
    axes.bar(positions, [total(rows, "cancelled") for rows in days], color=CANCELLED_COLOUR, label="cancelled")
    axes.set_ylabel("flights")
    axes.set_xlabel("day, UTC")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=2, frameon=False)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

WIDEST = 10_000


def show(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table; cells are rich markup, so escape what comes from outside.

    Nothing is cut off, for ids are copied from here: what is too long for a terminal goes on below, and a program that
    reads this gets each row in one line.
    """
    table = Table(*(Column(heading, overflow="fold") for heading in headings), box=SIMPLE_HEAD, title=title,
                  title_justify="left")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, console.measure(table, options=console.options.update_width(WIDEST)).maximum)
    console.print(table)

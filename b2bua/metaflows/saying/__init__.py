# SPDX-License-Identifier: GPL-3.0-or-later
"""What `say` speaks: a text of a kind (a number, a date, a name) in the words of a language. Pure.

A language is a table from kind to function; a kind that it lacks is said as English says it. A new language is a file
beside `english.py` and a line in LANGUAGES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from b2bua.metaflows.saying import english
from b2bua.metaflows.saying.item import Item

__all__ = ["LANGUAGES", "Item", "said"]

LANGUAGES: Mapping[str, Mapping[str, Callable[[Item], str]]] = {"en": english.KINDS}


@dataclass(frozen=True, slots=True)
class Saying:
    """Words, and the language that they are of: the engine has to know it."""

    words: str
    language: str


def said(text: str, kind: str, language: str, now: datetime, *, method: str | None = None,
         gender: str | None = None) -> Saying:
    """The words.

    kind      one of the nineteen of KAZOO's schema
    language  as `en-us`; one that we do not know is said in English
    raises    ValueError when the text is none of that kind; its message is for people
    """
    base = language.replace("_", "-").split("-")[0].lower()
    speaks = base if kind in LANGUAGES.get(base, {}) else "en"
    words = LANGUAGES[speaks][kind](Item(text.strip(), method or "pronounced", gender, now))
    return Saying(words, language if speaks == base else "en-us")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Attended transfer as one table: (state, what happens) -> what we do, and the state after it. Pure.

Every way through it ends in OVER, and there every party either talks with somebody or has been released: the random
walks of the tests hold it to that. docs/transfer.md is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an attended transfer stands."""

    RINGING = "ringing"  # the target is called; the transferor hears ringback, the transferee music
    CONSULTING = "consulting"  # transferor and target talk, the transferee hears music
    MERGED = "merged"  # all three talk
    PARTIAL = "partial"  # the transferor has hung up, the target still rings
    OVER = "over"


class Happens(StrEnum):
    """What can happen to it."""

    EARLY_MEDIA = "the target's side sends sound before the answer"
    ANSWERED = "the target answers"
    TARGET_ENDS = "the target is busy, refuses, or hangs up"
    TIMEOUT = "the ring time is over"
    TAKEBACK = "the transferor types `takeback_dtmf`"
    MERGE = "the transferor types `merge_dtmf`"
    TRANSFEROR_ENDS = "the transferor hangs up"
    TRANSFEREE_ENDS = "the transferee hangs up"


class Do(StrEnum):
    """What we do then; a method of `Attended` each."""

    LISTEN = "the transferor hears it instead of our ringback, unless `ringback` was asked for"
    CONSULT = "transferor and target talk; the transferee hears music"
    MERGE = "all three talk"
    GO_ON = "the target rings on"
    JOIN = "transferee and target talk; the transferor is released"
    KEEP = "transferor and target go on talking"
    RESTORE = "the target is released; transferor and transferee talk again"
    RELEASE = "everybody who is left is released"


@dataclass(frozen=True, slots=True)
class Row:
    """What one event does in one state."""

    do: Do
    next: State


S, H = State, Happens
TABLE: dict[tuple[State, Happens], Row] = {
    (S.RINGING, H.EARLY_MEDIA): Row(Do.LISTEN, S.RINGING),
    (S.RINGING, H.ANSWERED): Row(Do.CONSULT, S.CONSULTING),
    (S.RINGING, H.TARGET_ENDS): Row(Do.RESTORE, S.OVER),
    (S.RINGING, H.TIMEOUT): Row(Do.RESTORE, S.OVER),
    (S.RINGING, H.TAKEBACK): Row(Do.RESTORE, S.OVER),
    (S.RINGING, H.TRANSFEROR_ENDS): Row(Do.GO_ON, S.PARTIAL),
    (S.RINGING, H.TRANSFEREE_ENDS): Row(Do.RELEASE, S.OVER),
    (S.CONSULTING, H.TARGET_ENDS): Row(Do.RESTORE, S.OVER),
    (S.CONSULTING, H.TAKEBACK): Row(Do.RESTORE, S.OVER),
    (S.CONSULTING, H.MERGE): Row(Do.MERGE, S.MERGED),
    (S.CONSULTING, H.TRANSFEROR_ENDS): Row(Do.JOIN, S.OVER),
    (S.CONSULTING, H.TRANSFEREE_ENDS): Row(Do.KEEP, S.OVER),
    (S.MERGED, H.MERGE): Row(Do.CONSULT, S.CONSULTING),
    (S.MERGED, H.TARGET_ENDS): Row(Do.RESTORE, S.OVER),
    (S.MERGED, H.TAKEBACK): Row(Do.RESTORE, S.OVER),
    (S.MERGED, H.TRANSFEROR_ENDS): Row(Do.JOIN, S.OVER),
    (S.MERGED, H.TRANSFEREE_ENDS): Row(Do.KEEP, S.OVER),
    (S.PARTIAL, H.ANSWERED): Row(Do.JOIN, S.OVER),
    (S.PARTIAL, H.TARGET_ENDS): Row(Do.RELEASE, S.OVER),
    (S.PARTIAL, H.TIMEOUT): Row(Do.RELEASE, S.OVER),
    (S.PARTIAL, H.TRANSFEREE_ENDS): Row(Do.RELEASE, S.OVER),
}

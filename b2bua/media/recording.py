# SPDX-License-Identifier: GPL-3.0-or-later
"""One recording that runs: who is on which channel, what is masked. SIP thread.

It belongs to the conversation. The pair is on the two channels of one file; whoever takes a leg's place takes its
channel. Everybody else who is in the call has a file of his own. What is known lies beside the sound while it is made,
so that a new start can finish what an old one left (`finishing.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg, LegState
from b2bua.media import manifest
from b2bua.media.bank import FRAME_S, BankView
from b2bua.media.recorder import Row, Rows, Spans, Take, Taps, What, Writer
from b2bua.metaflows.context import RecordingError, RecordingOptions

_READ_S = 1.5  # the writer still reads a row up to the end of its use: it is given back this much later
Told = Callable[["Recording", What, str], None]


class Recording:
    """Rows, files and facts of one recording. `told` hears from the writer, on the SIP thread."""

    def __init__(self, recording_id: str, call: Call, options: RecordingOptions, work: Path, bank: BankView,
                 taps: Taps, writer: Writer, loop: asyncio.AbstractEventLoop, told: Told) -> None:
        self.id, self.call, self.options = recording_id, call, options
        self._work, self._bank, self._taps, self._writer, self._loop, self._told = work, bank, taps, writer, loop, told
        self._rows: dict[Leg, Row] = {}
        self._pair: tuple[Leg | None, Leg | None] = (options.left, None)
        self._people: dict[str, dict[str, Any]] = {}
        self._segments: list[dict[str, Any]] = []
        self._masks: list[dict[str, Any]] = []
        self._open: set[Take] = set()
        self._tracks: list[tuple[Take, Leg | None]] = []
        self._alone: dict[Leg, Take] = {}
        self._former: set[Leg] = set()
        self._plan: list[tuple[int, Rows]] = []
        self._end: int | None = None
        self._is_noted = False
        self._error = ""
        self._offset_s = time.monotonic() - call.began_s  # of the recording in the call
        self._facts = manifest.facts(call, recording_id, options, time.time())
        self._begin = bank.tick()

    def start(self) -> None:
        """Write from now on. raises RecordingError"""
        self._follow_pair()
        if self._plan[0][1] == (None, None):
            raise RecordingError("neither party has audio that could be recorded, or the sample bank is full")
        self._add_take(self.path, tuple(self._plan), self._begin, None)
        self.follow()

    def stop(self, by: Mapping[str, str | None]) -> None:
        """Write no more. Its files are closed soon; `told` hears `closed` when the last one is."""
        if self._end is not None:
            return
        self._facts |= {"status": "stopped", "stopped_by": dict(by)}
        self._end = self._bank.tick()
        self._close_mask(self._end)
        self.note()
        for take in self._open:
            take.end = take.end or self._end
        for leg in list(self._rows):
            self._let_go(leg)

    # -- who is heard -------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Put the legs of the pair on the channels, each leg that was there before on its own; others get a file."""
        if self._end is not None or self.call.is_over:
            return
        known = (len(self._plan), len(self._tracks), len(self._people))
        self._follow_pair()
        self._tracks[0][0].plan = tuple(self._plan)
        self._former |= {leg for leg in self._pair if leg is not None}  # who left the pair is being hung up
        self._follow_others([leg for leg in self.call.legs - self._former if leg.state is LegState.UP])
        for gone in self._rows.keys() - set(self._pair) - self._alone.keys():
            self._let_go(gone)
        if known != (len(self._plan), len(self._tracks), len(self._people)) or not self._is_noted:
            self.note()

    def _follow_pair(self) -> None:
        tick, (left, right) = self._bank.tick(), self._pair
        present = [leg for leg in (self.call.a, self.call.b) if leg is not None and leg.state is not LegState.ENDED]
        left = left if left in present else next((leg for leg in present if leg is not right), None)
        right = right if right in present else next((leg for leg in present if leg is not left), None)
        rows = (self._row(left), self._row(right))
        if not self._plan or rows != self._plan[-1][1] or (left, right) != self._pair:
            self._pair = (left, right)
            self._plan.append((max(tick, self._begin), rows))
            self._segments.append({"at_ms": self._ms(tick), "left": self._name(left), "right": self._name(right)})

    def _follow_others(self, others: list[Leg]) -> None:
        for leg in [leg for leg in self._alone if leg not in others]:
            self._alone.pop(leg).end = self._bank.tick()
        for leg in others:
            row = self._row(leg) if leg not in self._alone else None
            if row is not None:
                path = self._work / f"{self.id}-{len(self._tracks) + 1}.wav"
                tick = self._bank.tick()
                self._alone[leg] = self._add_take(path, ((tick, (row,)),), tick, leg)
                self._name(leg)

    def _add_take(self, path: Path, plan: tuple[tuple[int, Rows], ...], begin: int, leg: Leg | None) -> Take:
        take = Take(path, plan, begin, self._written, masked=self._spans())
        self._tracks.append((take, leg))
        self._open.add(take)
        self._writer.add(take)
        return take

    def _row(self, leg: Leg | None) -> Row | None:
        if leg is None:
            return None
        row = self._rows.get(leg) or self._taps.tap(leg)
        if row is not None:
            self._rows[leg] = row
        return row

    def _let_go(self, leg: Leg) -> None:
        del self._rows[leg]
        self._loop.call_later(_READ_S, self._taps.untap, leg)

    def _name(self, leg: Leg | None) -> str | None:
        if leg is None:
            return None
        self._people[leg.id] = manifest.person(leg)
        return leg.id

    # -- masking ------------------------------------------------------------------------------------------------

    def mask(self, by: Mapping[str, str | None]) -> None:
        """Silence on all channels from now on."""
        if self._end is None and not (self._masks and self._masks[-1]["end"] is None):
            self._masks.append({"begin": self._bank.tick(), "end": None, "by": dict(by)})
            self._apply_masks()

    def unmask(self, by: Mapping[str, str | None], digits: int) -> None:
        """Voices again. digits: how many were pressed meanwhile"""
        if self._end is None and self._masks and self._masks[-1]["end"] is None:
            self._masks[-1] |= {"ended_by": dict(by), "digits": digits}
            self._close_mask(self._bank.tick())
            self._apply_masks()

    def _close_mask(self, tick: int) -> None:
        if self._masks and self._masks[-1]["end"] is None:
            self._masks[-1]["end"] = tick

    def _apply_masks(self) -> None:
        for take, _ in self._tracks:
            take.masked = self._spans()
        self.note()

    def _spans(self) -> Spans:
        return tuple((mask["begin"], mask["end"]) for mask in self._masks)

    # -- facts --------------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The sound of the pair while it is made."""
        return self._work / f"{self.id}.wav"

    @property
    def next(self) -> int:
        """The tick that the writer will write next."""
        return self._tracks[0][0].next

    @property
    def duration_s(self) -> float:
        """Until now, or until it was stopped."""
        return ((self._end or self._bank.tick()) - self._begin) * FRAME_S

    def note(self) -> None:
        """Let what is known lie beside the sound."""
        document = {"manifest": self.manifest(), "orders": manifest.orders(self.options)}
        self._writer.note(self._work / f"{self.id}.json", document)
        self._is_noted = True

    def manifest(self) -> dict[str, Any]:
        """All that is known by now."""
        return {**self._facts, "people": dict(self._people), "segments": list(self._segments),
                "recorded_rate_hz": self._bank.rate_hz, "tracks": [self._track(*one) for one in self._tracks],
                "masked": [{**mask, "begin": self._ms(mask["begin"]), "end": self._ms(mask["end"])}
                           for mask in self._masks],
                "timeline": [{**asdict(moment), "t_s": round(moment.t_s - self._offset_s, 2)}
                             for moment in self.call.timeline.moments],
                "gaps": [{"begin": self._ms(begin), "end": self._ms(end)} for take, _ in self._tracks[:1]
                         for begin, end in take.gaps]}

    def _track(self, take: Take, leg: Leg | None) -> dict[str, Any]:
        who = {"channels": ["left", "right"]} if leg is None else {"channels": [leg.id]}
        return {"work": take.path.name, "offset_ms": self._ms(take.begin), **who}

    def _ms(self, tick: int | None) -> int | None:
        return None if tick is None else round(max(0, tick - self._begin) * FRAME_S * 1000)

    # -- what the writer says -----------------------------------------------------------------------------------

    def _written(self, take: Take, what: What, why: str) -> None:
        """Writer thread: hand over."""
        try:
            self._loop.call_soon_threadsafe(self._heard, take, what, why)
        except RuntimeError:
            pass  # the loop has ended; the next start finishes what lies in `work`

    def _heard(self, take: Take, what: What, why: str) -> None:
        is_main = take is self._tracks[0][0]
        if what != "closed":
            if is_main:
                self._told(self, what, why)
            return
        self._open.discard(take)
        self._error = self._error or why
        if is_main:
            self.stop({"by": "error"})  # it failed while it ran; else it was stopped before
        if not self._open:
            self._told(self, "closed", self._error)

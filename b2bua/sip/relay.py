# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs that hear each other packet by packet, without decoding. SIP thread; the packets themselves never see Python.

Which two legs are joined is the Path's business (b2bua.calls.path); this is how a pair is told to the native adapters.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pjsua2 as pj

from b2bua.calls.digit import DIGITS, FLASH

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)

EVENTS = DIGITS + FLASH  # in the order of RFC 4733 §3.2: 0-9, *, #, A-D, flash
INSERT_MARGIN_MS = 60  # one packet until what we say begins, and the end packets of an event

_WHY_NOT = {pj.RELAY_NO_MEDIA: "no media yet", pj.RELAY_CODECS_DIFFER: "codecs differ",
            pj.RELAY_PTIMES_DIFFER: "packet times differ"}


def mask(digits: str) -> int:
    """Bit per event of these digits."""
    return sum(1 << EVENTS.index(digit) for digit in set(digits))


def join(one: SipLeg, other: SipLeg) -> bool:
    """Let these two hear each other; each parts from its former partner. False when they cannot: then they are parted.

    Safe to repeat, and to be repeated whenever the media of one of them changed.
    """
    if one.call_id is None or other.call_id is None:
        return False
    status = pj.relay_join(one.call_id, other.call_id, other.takes_events, one.takes_events)
    if status != pj.RELAY_JOINED:
        log.debug("legs %s and %s are not relayed: %s", one.id, other.id, _WHY_NOT.get(status, str(status)))
    return bool(status == pj.RELAY_JOINED)


def part(leg: SipLeg) -> None:
    """A leg and its partner hear each other no more."""
    if leg.call_id is not None:
        pj.relay_part(leg.call_id)


def feed(leg: SipLeg, on: bool) -> None:
    """Somebody listens at the leg's conference port (a tap): its stream needs the sound while it is relayed."""
    if leg.call_id is not None:
        pj.relay_feed(leg.call_id, on)


def withhold(leg: SipLeg, digits: str) -> None:
    """These digits of the leg do not go to its partner by themselves, from the next press on."""
    if leg.call_id is not None:
        pj.relay_withhold(leg.call_id, mask(digits))


def mute(leg: SipLeg, digits: str) -> None:
    """The tones of these digits are taken out of what the leg's far end hears; our own are not."""
    if leg.call_id is not None:
        pj.relay_mute(leg.call_id, mask(digits.replace(FLASH, "")))


def event(leg: SipLeg, digit: str, stamp_ms: int) -> tuple[bool, float | None]:
    """Has the partner got this press already, and when did its first packet come (monotonic; None: not known)?

    stamp_ms   as of PJSIP's DTMF event
    """
    if leg.call_id is None:
        return False, None
    found = pj.relay_event(leg.call_id, EVENTS.index(digit), stamp_ms)
    return bool(found.passed), found.at_us / 1e6 if found.at_us >= 0 else None


def conceal(leg: SipLeg, on: bool, sound: bool) -> None:
    """No event of the leg goes to its partner while it is on, and with `sound` nothing else either."""
    concealed = pj.RELAY_SILENCE if sound else pj.RELAY_WITHHOLD_DIGITS
    if leg.call_id is not None:
        pj.relay_mode(leg.call_id, concealed if on else pj.RELAY_FORWARD)


def inserting(leg: SipLeg, ms: int) -> None:
    """This leg's far end shall hear what we say, a press or a tone, for so long: its partner waits meanwhile."""
    if leg.call_id is not None:
        pj.relay_insert(leg.call_id, ms + INSERT_MARGIN_MS)

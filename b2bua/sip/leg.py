# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg on PJSIP: verbs become pjsua2 calls, callbacks become leg events. SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Protocol

import pjsua2 as pj

from b2bua.calls import sdp
from b2bua.calls.headers import Header, Headers, Party, answer_across
from b2bua.calls.leg import Answered, Ended, Held, Leg, LegState, MediaChanged, Progress, Trying
from b2bua.calls.reason import BUG, EndReason
from b2bua.calls.replaces import DialogId
from b2bua.sip.dialog import Dialog
from b2bua.sip.ear import Ear
from b2bua.sip.hold import Hold
from b2bua.sip.identity import tell
from b2bua.sip.params import op_param
from b2bua.sip.presses import Presses
from b2bua.sip.refers import Refers
from b2bua.sip.screen import Screen
from config.settings import Peer

log = logging.getLogger(__name__)


class Host(Protocol):
    """Whom a leg tells what is no event of the call: the endpoint."""

    def media_changed(self, leg: SipLeg) -> None: ...
    def stream_ended(self, leg: SipLeg, stats: Any) -> None: ...
    def leg_ended(self, leg: SipLeg) -> None: ...
    def play_digit(self, leg: SipLeg, digit: str, duration_ms: int) -> None: ...
    def digits_disagree(self, leg: SipLeg) -> None: ...

    @property
    def public_host(self) -> str: ...


class SipLeg(Leg):
    """One pjsua2 call. `preferred_codecs`: offers and answers put these first."""

    def __init__(self, leg_id: str, peer_name: str, peer: Peer, direction: Literal["inbound", "outbound"], party: Party,
                 host: Host, loop: asyncio.AbstractEventLoop, fuse_ms: int) -> None:
        super().__init__(leg_id, peer_name, direction, party)
        self.preferred_codecs: Sequence[str] = ()
        self._host = host
        self._dialog: Dialog | None = None
        self._loop = loop
        self.ear = Ear(self, peer, loop, fuse_ms, lambda: host.digits_disagree(self))
        self._presses = Presses(self, peer.dtmf, loop, self._send_event, partial(host.play_digit, self))
        self._codec: str | None = None
        self._progress: tuple[int, bool] | None = None
        self._hold = Hold(leg_id, direction == "outbound", loop)
        self._peer = peer
        self.refers = Refers(self, peer.referred, host.public_host, loop)
        self._hanging_up: EndReason | None = None
        self._reason_header = ""
        self._redirection: EndReason | None = None
        self._refused = False  # the far end's SDP takes no audio
        self.screen = Screen(self, loop)
        self._may_send = False

    def carried_by(self, dialog: Dialog) -> None:
        """This is the leg's dialog from now on."""
        self._dialog = dialog

    @property
    def call_id(self) -> int | None:
        """PJSUA's number of it, None before and after its life: the number goes to another call then."""
        return int(self._dialog.getId()) if self._dialog is not None and self.state is not LegState.ENDED else None

    @property
    def takes_events(self) -> bool:
        """May its far end get digits as RFC 4733 events?"""
        return self._peer.dtmf in ("auto", "rfc4733")

    @property
    def takes_tones(self) -> bool:
        """As of Leg."""
        return self._peer.dtmf == "inband"

    @property
    def sends_tones(self) -> bool:
        """As of Leg."""
        return self.ear.needs_listener

    # -- verbs --------------------------------------------------------------------------------------------------

    @property
    def codec(self) -> str | None:
        """As negotiated last."""
        return self._codec

    @property
    def dialog_id(self) -> DialogId | None:
        """Asked of PJSIP while it lives."""
        tags = pj.dialog_tags(self._dialog.getId()).split(" ") if self._dialog is not None else []
        return DialogId(self.id, *tags) if len(tags) == 2 and all(tags) else None

    def ring(self, code: int, text: str, *, media: bool, codecs: Sequence[str] = ()) -> None:
        """18x; with SDP it must be one that PJSIP puts SDP in (not 180 or 181)."""
        if self.direction != "inbound" or self.state not in (LegState.TRYING, LegState.EARLY):
            return
        self.state = LegState.EARLY
        self._limit(codecs)
        if media != (code not in (180, 181)):
            code, text = (183, "Session Progress") if media else (180, "Ringing")
        self.do("ring", lambda dialog: dialog.answer(op_param(code, text)))

    def answer(self, codecs: Sequence[str] = ()) -> None:
        """200."""
        if self.state in (LegState.TRYING, LegState.EARLY):
            self._limit(codecs)
            self.state = LegState.UP
            if self.do("answer", lambda dialog: dialog.answer(op_param(200, "OK"))) is not None:
                self.hangup(BUG)

    def hangup(self, reason: EndReason) -> None:
        """Final answer, CANCEL or BYE."""
        if self.state is LegState.ENDED or self._hanging_up is not None:
            return
        self._hanging_up = reason
        self._hold.close()
        code = reason.code if reason.code >= 300 else 603  # an INVITE that waits needs a final answer
        headers = [("Reason", reason.header)] if reason.header else []
        headers += reason.headers if self.state is not LegState.UP and self.direction == "inbound" else ()
        error = self.do("hang up", lambda dialog: dialog.hangup(op_param(code, "", headers)))  # a text adds a Reason
        if self._dialog is None or (error is not None and not self._dialog.isActive()):
            self._end(reason)

    def hold(self, on: bool) -> None:
        """Re-INVITE with sendonly, or back to sendrecv; nothing where that is so already."""
        is_up = self.state is LegState.UP and self._hanging_up is None
        if is_up and self._dialog is not None and on != self._hold.wanted:
            self._hold.put(self._dialog, on)

    def invite_answered(self, code: int) -> None:
        """From onCallTsxState: a sign of life (100), or a re-INVITE of ours that may be repeated.

        491: it met one of theirs; 500, 503: the far end is busy with another (RFC 3261 §14.2).
        """
        if code == 100:
            self.emit(Trying())
        elif code in (491, 500, 503) and self.state is LegState.UP:
            self._hold.glare()

    def send_digit(self, digit: str, duration_ms: int) -> None:
        """As the peer's `dtmf` says."""
        if self.state is not LegState.ENDED:
            self._presses.send(digit, duration_ms)

    def _send_event(self, prm: Any) -> None:
        self.do("send a digit", lambda dialog: dialog.sendDtmf(prm))

    def withhold(self, digits: str) -> None:
        """As of Leg."""
        self.screen.withhold(digits)

    def mute_tones(self, digits: str) -> None:
        """As of Leg."""
        super().mute_tones(digits)
        self.screen.mute(digits)

    def mask(self, on: bool, sound: bool) -> None:
        """As of Leg."""
        self.screen.mask(on, sound)

    def send_info(self, content_type: str, body: str) -> None:
        """INFO with this body."""
        prm = pj.CallSendRequestParam()
        prm.method = "INFO"
        prm.txOption.contentType = content_type
        prm.txOption.msgBody = body
        self.do("send INFO", lambda dialog: dialog.sendRequest(prm))

    def refer(self, target: str, headers: Sequence[Header] = ()) -> None:
        """REFER."""
        self.refers.send(target, headers)

    def notify_refer(self, code: int, text: str, *, final: bool) -> None:
        """NOTIFY."""
        self.refers.notify(code, text, final)

    def identify(self, party: Party) -> None:
        """As its peer wants it."""
        if self.state is LegState.UP:
            self.do("say who it talks to", lambda dialog: tell(dialog, self._peer, party, self._host.public_host))

    def do(self, what: str, verb: Callable[[Dialog], None]) -> str | None:
        """Run a verb on the dialog; PJSIP's refusal is logged and returned, never raised into the call."""
        if self._dialog is None:
            return "the leg has no dialog"
        try:
            verb(self._dialog)
        except pj.Error as error:
            log.warning("leg %s of %s: cannot %s: %s", self.id, self.peer, what, error.reason)
            return str(error.reason)
        return None

    def _limit(self, codecs: Sequence[str]) -> None:
        if codecs and self._dialog is not None:
            pj.limit_answer(self._dialog.getId(), codecs[0])

    # -- what PJSIP reports ---------------------------------------------------------------------------------------

    def state_changed(self, state: int, code: int, text: str, message: str) -> None:
        """From onCallState; `message` is the SIP message that caused it, or ""."""
        body = sdp.body_of(message)
        with_sdp = bool(sdp.codecs(body))
        if with_sdp and self.direction == "outbound":
            self._codec = sdp.chosen(body) or self._codec
            self._refused = sdp.refuses(body)
        if state == pj.PJSIP_INV_STATE_EARLY and self.direction == "outbound":
            if self._progress != (code, with_sdp):
                self._progress = (code, with_sdp)
                self.state = LegState.EARLY
                self.emit(Progress(code, text, with_sdp))
        elif state == pj.PJSIP_INV_STATE_CONFIRMED and self.direction == "outbound" and not self._refused:
            self.state = LegState.UP
            self.emit(Answered())
        elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._end(self._hanging_up or self._redirection or self._reason(code, text, message))

    def redirected(self, message: str) -> None:
        """A 3xx came; PJSIP would call it 487."""
        code = int(message.split(" ", 2)[1])
        self._redirection = self._reason(code, "redirected", message)

    def _reason(self, code: int, text: str, message: str) -> EndReason:
        """Of the message that ended it. An answer without usable audio is the caller's 488."""
        headers = Headers.parse(message)
        if self._refused:
            code, text = 488, "the answer has no audio"
        reason = EndReason.from_code(code or 500, text, self._reason_header or headers.get("reason") or None)
        return reason.with_headers(answer_across(headers, code)) if message.startswith("SIP/2.0 ") else reason

    def reason_came(self, header: str) -> None:
        """The Reason of the BYE or CANCEL that ends this leg (RFC 3326)."""
        self._reason_header = header

    def _end(self, reason: EndReason) -> None:
        if self.state is LegState.ENDED:
            return
        self.state = LegState.ENDED
        self.reason = reason
        self.port = None
        self.ear.close()
        self._presses.close()
        self._hold.close()
        self._host.leg_ended(self)
        self._host.media_changed(self)
        self.emit(Ended(reason))

    def media_changed(self, status: int, may_send: bool) -> None:
        """From onCallMediaState; `may_send`: the far end may send us sound."""
        if self._dialog is None:
            return
        self._may_send = may_send
        port = pj.leg_port(self._dialog.getId())
        self.port = port if port >= 0 else None
        if self.direction == "inbound" or self._codec is None:
            stats = pj.stream_stats(self._dialog.getId())
            self._codec = f"{stats.codec}/{stats.clock_rate_hz}".lower() if stats.valid else self._codec
        self.screen.tell()
        self.emit(MediaChanged())
        self._host.media_changed(self)
        held = status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD
        if held != self._hold.by_far_end:
            self._hold.by_far_end = held
            self.emit(Held(held))

    def stream_ends(self) -> None:
        """From onStreamDestroyed: report what RTP and RTCP counted."""
        stats = pj.stream_stats(self._dialog.getId()) if self._dialog is not None else None
        if stats is not None and stats.valid:
            self._host.stream_ended(self, stats)

    @property
    def should_be_heard(self) -> bool:
        """Is its far end supposed to send RTP now? Not before the answer, not on hold, not where it is recvonly."""
        on_hold = self._hold.by_far_end or self._hold.wanted
        return self.state is LegState.UP and self.port is not None and self._may_send and not on_hold

    def packets_received(self) -> int:
        """RTP packets of the stream in use."""
        stats = pj.stream_stats(self._dialog.getId()) if self._dialog is not None else None
        return int(stats.rx_packets) if stats is not None and stats.valid else 0

    def let_go(self) -> bool:
        """Destroy the dialog. False: its number is another call's by now, which pjsua2's ~Call would hang up."""
        if self._dialog is not None and self.state is LegState.ENDED and self._dialog.isActive():
            return False
        self._dialog = None
        return True

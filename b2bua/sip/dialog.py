# SPDX-License-Identifier: GPL-3.0-or-later
"""PJSIP's callbacks of one dialog, brought to the leg they belong to.

A Dialog is the only object that PJSIP keeps a pointer to. It refers to its leg weakly and the leg to it strongly, so no
reference cycle ever keeps it alive, and its C++ destructor runs on the SIP thread when the leg lets it go.
"""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from b2bua.calls import sdp
from b2bua.calls.headers import Headers

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)

_PJSIP_ANSWERS = frozenset(("INVITE", "ACK", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE"))
_DTMF_IS_UPDATE, _DTMF_IS_END = 1, 2  # PJMEDIA_STREAM_DTMF_IS_... of pjmedia/stream.h, which pjsua2 does not export


def barrier(callback: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Nothing raised by a callback may reach PJSIP's C: it is logged and costs this event only."""

    @functools.wraps(callback)
    def guarded(self: Any, prm: Any) -> None:
        try:
            callback(self, prm)
        except Exception:
            log.exception("%s failed", callback.__name__)

    return guarded


class Dialog(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """Callbacks in, leg methods out; no state of its own."""

    def __init__(self, account: pj.Account, leg: SipLeg, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._leg = weakref.ref(leg)

    @barrier
    def onCallState(self, prm: Any) -> None:
        """The INVITE session moved on (RFC 3261 §13)."""
        leg = self._leg()
        if leg is not None:
            info = self.getInfo()
            leg.state_changed(info.state, info.lastStatusCode, info.lastReason, received(prm.e))

    @barrier
    def onCallMediaState(self, prm: Any) -> None:
        """Streams were made, changed or stopped."""
        leg = self._leg()
        if leg is not None:
            info = self.getInfo()  # kept: what it holds dies with it
            if len(info.media):
                leg.media_changed(info.media[0].status, bool(info.media[0].dir & pj.PJMEDIA_DIR_DECODING))
            else:
                leg.media_changed(pj.PJSUA_CALL_MEDIA_NONE, False)

    @barrier
    def onStreamDestroyed(self, prm: Any) -> None:
        """A stream goes: the last moment to read its counters."""
        leg = self._leg()
        if leg is not None:
            leg.stream_ends()

    @barrier
    def onCallSdpCreated(self, prm: Any) -> None:
        """An offer or answer of ours is about to leave; the string may be edited."""
        leg = self._leg()
        if leg is not None:
            prm.sdp.wholeSdp = sdp.prefer(prm.sdp.wholeSdp, leg.preferred_codecs)

    @barrier
    def onDtmfEvent(self, prm: Any) -> None:
        """RFC 4733: begin, updates and end of one press."""
        leg = self._leg()
        if leg is not None:
            leg.ear.event_heard(prm.digit, prm.timestamp, prm.duration, bool(prm.flags & _DTMF_IS_UPDATE),
                            bool(prm.flags & _DTMF_IS_END))

    @barrier
    def onCallTsxState(self, prm: Any) -> None:
        """A transaction inside the dialog: an INFO that came, a re-INVITE of ours that was refused."""
        leg = self._leg()
        if leg is None or prm.e.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        tsx = prm.e.body.tsxState.tsx
        if tsx.role == pj.PJSIP_ROLE_UAS and tsx.state == pj.PJSIP_TSX_STATE_TRYING:
            self._request(leg, tsx, prm.e.body.tsxState.src.rdata)
        elif tsx.role == pj.PJSIP_ROLE_UAC and tsx.method == "INVITE":
            leg.invite_answered(tsx.statusCode)
        elif tsx.role == pj.PJSIP_ROLE_UAC and tsx.method == "NOTIFY" and tsx.statusCode >= 200:
            leg.refers.notify_answered()

    def _request(self, leg: SipLeg, tsx: Any, rdata: Any) -> None:
        if tsx.method == "INFO":
            message = rdata.wholeMsg
            fields = Headers.parse(message)
            code, header = leg.ear.info_came(fields.get("content-type"), sdp.body_of(message),
                                             fields.get("info-package"))
            pj.respond(tsx.pjTransaction, rdata.pjRxData, code, header)
        elif tsx.method == "REFER":  # answered here, so PJSUA does not place a call itself
            code, headers = leg.refers.came(rdata.wholeMsg)
            pj.respond(tsx.pjTransaction, rdata.pjRxData, code, "\n".join(headers))
        elif tsx.method == "NOTIFY" and not leg.refers.has_asked:  # RFC 6665 §4.1.3; PJSIP says 500
            pj.respond(tsx.pjTransaction, rdata.pjRxData, 481, "")
        elif tsx.method in ("BYE", "CANCEL"):
            leg.reason_came(Headers.parse(rdata.wholeMsg).get("reason"))
        elif tsx.method == "OPTIONS":  # RFC 3261 §11.2: the keep-alive of many SBCs
            pj.respond(tsx.pjTransaction, rdata.pjRxData, 200, "Accept: application/sdp")
        elif tsx.method not in _PJSIP_ANSWERS:
            pj.respond(tsx.pjTransaction, rdata.pjRxData, 501, "")

    def onCallRedirected(self, prm: Any) -> int:
        """A 3xx came: it goes to the caller, who may follow it."""
        self._redirected(prm)
        return int(pj.PJSIP_REDIRECT_STOP)

    @barrier
    def _redirected(self, prm: Any) -> None:
        leg, message = self._leg(), received(prm.e)
        if leg is not None and message:
            leg.redirected(message)

    @barrier
    def onCallTransferStatus(self, prm: Any) -> None:
        """The answer to our REFER, then its NOTIFYs (RFC 3515 §2.4.4)."""
        leg = self._leg()
        if leg is not None:
            leg.refers.status(prm.statusCode, prm.reason, prm.finalNotify)


def received(event: Any) -> str:
    """The SIP message that caused an event, or "" if it was a timer or one of ours."""
    if event.type == pj.PJSIP_EVENT_TSX_STATE and event.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
        return str(event.body.tsxState.src.rdata.wholeMsg)
    if event.type == pj.PJSIP_EVENT_RX_MSG:
        return str(event.body.rxMsg.rdata.wholeMsg)
    return ""

# SPDX-License-Identifier: GPL-3.0-or-later
"""REFER on one leg: ours and what becomes of it, theirs and what we tell them of it (RFC 3515). SIP thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import pjsua2 as pj

from b2bua.calls.headers import Header, Headers
from b2bua.calls.leg import LegState, NotifyAnswered, ReferProgress, ReferReceived
from b2bua.calls.replaces import ReferTo
from b2bua.sip.params import add_headers, op_param, plain

if TYPE_CHECKING:
    from b2bua.sip.leg import SipLeg

log = logging.getLogger(__name__)

SIPFRAG = "message/sipfrag;version=2.0"
EXPIRES_S = 180  # [s] of the implicit subscription; every transfer of ours has ended long before


class Refers:
    """One leg's.

    policy  of its peer; `refuse`: every REFER gets 603
    host    host:port that stands in our Contact
    """

    def __init__(self, leg: SipLeg, policy: Literal["accept", "relay", "refuse"], host: str,
                 loop: asyncio.AbstractEventLoop) -> None:
        self._leg = leg
        self._policy = policy
        self._host = host
        self._loop = loop
        self._answered = True  # our last REFER has had its answer
        self.has_asked = False  # we have sent one: NOTIFYs of it are PJSIP's to answer
        self._event = ""  # of the subscription that is open: "refer", with an id from the second REFER on; "": none
        self._seen = 0
        self._is_final = False  # the NOTIFY that is on its way is the last one

    # -- ours -----------------------------------------------------------------------------------------------------

    def send(self, target: str, headers: Sequence[Header]) -> None:
        """REFER; a failure to send it is a final ReferProgress too. A `?` may stand in brackets only (RFC 8217)."""
        self._answered, self.has_asked = False, True
        refer_to = plain(f"<{target}>")
        error = self._leg.do("send REFER", lambda dialog: dialog.xfer(refer_to, op_param(headers=headers)))
        if error is not None:
            self._loop.call_soon(self._leg.emit, ReferProgress(500, error, True, False))

    def status(self, code: int, text: str, final: bool) -> None:
        """From onCallTransferStatus: first the answer to the REFER, then the NOTIFYs."""
        notified, self._answered = self._answered, True
        progress = ReferProgress(code, text, final or (not notified and code >= 300), notified)
        if notified and final and code < 200:  # a BYE without a final NOTIFY ends the subscription first: Ended wins
            self._loop.call_soon(self._leg.emit, progress)
        else:
            self._leg.emit(progress)

    # -- theirs ---------------------------------------------------------------------------------------------------

    def came(self, message: str) -> tuple[int, list[str]]:
        """A REFER came: our answer to it, and its header fields. What it asks for follows as an event."""
        headers = Headers.parse(message)
        wanted = list(headers.all("refer-to"))
        if self._policy == "refuse":
            return 603, []
        if self._leg.state is not LegState.UP or self._event:
            return 491, []  # one at a time: whoever reflects our own comes no further
        if len(wanted) != 1:
            return 400, ["Warning: 399 b2bua \"exactly one Refer-To is needed (RFC 3515)\""]
        try:
            target = ReferTo.parse(wanted[0])
        except ValueError as error:
            return (400 if "Replaces" in str(error) else 416), [f'Warning: 399 b2bua "{error}"']
        return 202, [f"Contact: <sip:b2bua@{self._host}>", *self._take(headers, target)]

    def _take(self, headers: Headers, target: ReferTo) -> list[str]:
        """RFC 4488: who wants no subscription gets none."""
        self._seen += 1
        quiet = headers.get("refer-sub").lower().startswith("false")
        sequence = headers.get("cseq").partition(" ")[0]
        self._event = "" if quiet else "refer" if self._seen == 1 else f"refer;id={sequence}"
        referrer = headers.get("referred-by") or None
        self._loop.call_soon(self._leg.emit, ReferReceived(target, referrer, not quiet))
        return ["Refer-Sub: false"] if quiet else []

    def notify(self, code: int, text: str, final: bool) -> None:
        """NOTIFY with a sipfrag (RFC 3420); nothing where nobody subscribed."""
        if not self._event or self._leg.state is LegState.ENDED:
            return
        state = "terminated;reason=noresource" if final else f"active;expires={EXPIRES_S}"
        prm = pj.CallSendRequestParam()
        prm.method = "NOTIFY"
        add_headers(prm, [("Event", self._event), ("Subscription-State", state)])
        prm.txOption.contentType = SIPFRAG
        prm.txOption.msgBody = plain(f"SIP/2.0 {code} {text or _TEXTS.get(code, 'Failed')}\r\n")
        error = self._leg.do("send NOTIFY", lambda dialog: dialog.sendRequest(prm))
        if final:
            self._event, self._is_final = "", error is None
            if error is not None:
                self._loop.call_soon(self._leg.emit, NotifyAnswered())

    def notify_answered(self) -> None:
        """From onCallTsxState: a NOTIFY of ours has its final answer."""
        if not self._event and self._is_final:
            self._is_final = False
            self._leg.emit(NotifyAnswered())


_TEXTS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 403: "Forbidden", 404: "Not Found",
          408: "Request Timeout", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
          482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated", 491: "Request Pending", 503:
          "Service Unavailable", 603: "Decline"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold by re-INVITE: what we want of the far end, sent as soon as the dialog lets us. SIP thread."""

from __future__ import annotations

import asyncio
import logging
import random

import pjsua2 as pj

from b2bua.sip.dialog import Dialog
from b2bua.sip.params import op_param

MAX_TRIES = 8

log = logging.getLogger(__name__)


class Hold:
    """One leg's hold.

    wanted       shall the far end be held by us
    by_far_end   does it hold us
    """

    def __init__(self, leg_id: str, owns_call_id: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.wanted = False
        self.by_far_end = False
        self._leg_id = leg_id
        self._back_off_s = (2.1, 4.0) if owns_call_id else (0.0, 2.0)  # RFC 3261 §14.1
        self._loop = loop
        self._dialog: Dialog | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._tries = 0

    def put(self, dialog: Dialog, on: bool) -> None:
        """Send sendonly, or sendrecv again."""
        self._dialog = dialog
        self._tries = 0
        self.wanted = on
        self._send()

    def glare(self) -> None:
        """Both sides sent a re-INVITE (491), or one is under way: try again later, MAX_TRIES times."""
        self._tries += 1
        if self._retry is None and self._dialog is not None and self._tries <= MAX_TRIES:
            self._retry = self._loop.call_later(random.uniform(*self._back_off_s), self._send)

    def close(self) -> None:
        """The leg is ending: nothing more is sent."""
        self._dialog = None
        if self._retry is not None:
            self._retry.cancel()

    def _send(self) -> None:
        self._retry = None
        if self._dialog is None:
            return
        prm = op_param()
        try:
            if self.wanted:
                self._dialog.setHold(prm)
            else:
                prm.opt.flag = pj.PJSUA_CALL_UNHOLD
                self._dialog.reinvite(prm)
        except pj.Error as error:
            log.info("leg %s: re-INVITE has to wait: %s", self._leg_id, error.reason)
            self.glare()

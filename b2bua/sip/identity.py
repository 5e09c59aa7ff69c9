# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling a far end whom it talks to now (what RFC 4916 is for), by P-Asserted-Identity. SIP thread."""

from __future__ import annotations

import pjsua2 as pj

from b2bua.calls.headers import Party
from b2bua.sip.dialog import Dialog
from b2bua.sip.params import op_param
from config.settings import Peer


def tell(dialog: Dialog, peer: Peer, party: Party, host: str) -> None:
    """UPDATE without SDP where the far end's Allow has it, else a re-INVITE where its peer wants that, else nothing."""
    if not peer.trust_identity or peer.connected_identity == "never":
        return
    prm = op_param(headers=[("P-Asserted-Identity", party.name_addr(host))])
    if dialog.remoteHasCap(pj.PJSIP_H_ALLOW, "", "UPDATE") == pj.PJSIP_DIALOG_CAP_SUPPORTED:
        prm.opt.flag = pj.PJSUA_CALL_NO_SDP_OFFER
        dialog.update(prm)
    elif peer.connected_identity == "reinvite":
        dialog.reinvite(prm)

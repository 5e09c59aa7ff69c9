# SPDX-License-Identifier: GPL-3.0-or-later
"""pjsua2's parameter objects, filled as we always want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pjsua2 as pj

from b2bua.calls.headers import Header


def plain(text: str) -> str:
    """Text that pjsua2 takes back: bytes that were no UTF-8 come from it as lone surrogates, and become `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def op_param(code: int = 0, text: str = "", headers: Sequence[Header] = ()) -> Any:
    """CallOpParam for one audio stream and nothing else, with header fields of ours."""
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    prm.opt.textCount = 0  # PJSIP 2.17 offers text by default
    if code:
        prm.statusCode = code
        prm.reason = plain(text)
    add_headers(prm, headers)
    return prm


def add_headers(prm: Any, headers: Sequence[Header]) -> None:
    """Header fields of ours for what this parameter object is about."""
    for name, value in headers:
        field = pj.SipHeader()
        field.hName, field.hValue = plain(name), plain(value)
        prm.txOption.headers.append(field)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Our settings in PJSIP's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pjsua2 as pj

from config.settings import Media, Settings, Sip

_KINDS = {"udp": (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_UDP6),
          "tcp": (pj.PJSIP_TRANSPORT_TCP, pj.PJSIP_TRANSPORT_TCP6),
          "tls": (pj.PJSIP_TRANSPORT_TLS, pj.PJSIP_TRANSPORT_TLS6)}
_SRTP = {"none": pj.PJMEDIA_SRTP_DISABLED, "optional": pj.PJMEDIA_SRTP_OPTIONAL,
         "required": pj.PJMEDIA_SRTP_MANDATORY}
_JITTER_MIN_MS = 20
_JITTER_MAX_MS = 200


def endpoint_config(settings: Settings) -> Any:
    """Threads as ARCHITECTURE.md says: PJSIP's callbacks only on the SIP thread, RTP on PJSIP's own."""
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    for address in _nameservers():
        config.uaConfig.nameserver.append(address)
    config.uaConfig.maxCalls = 2 * settings.sip.max_calls + 64  # two legs a call, and some for transfers
    config.uaConfig.natTypeInSdp = 0
    config.uaConfig.userAgent = settings.sip.user_agent
    config.medConfig.hasIoqueue = True
    config.medConfig.threadCnt = 1
    config.medConfig.clockRate = settings.media.mix_rate_hz
    config.medConfig.sndClockRate = settings.media.mix_rate_hz
    config.medConfig.channelCount = 1
    config.medConfig.audioFramePtime = 20
    config.medConfig.maxMediaPorts = (2 * settings.sip.max_calls + settings.media.bank_slots + source_slots(settings)
                                      + 256)  # each costs memory
    config.medConfig.sndAutoCloseTime = -1  # the clock never stops: taps and queued port removals live on it
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.quality = 2  # resampling filters of 3 ms instead of 8, each way; what voice needs
    config.medConfig.jbMinPre = _JITTER_MIN_MS
    config.medConfig.jbInit = _JITTER_MIN_MS
    config.medConfig.jbMax = _JITTER_MAX_MS
    config.logConfig.level = settings.log.sip_level
    config.logConfig.consoleLevel = settings.log.sip_level
    config.logConfig.msgLogging = 1 if settings.log.sip_level >= 4 else 0
    return config


def source_slots(settings: Settings) -> int:
    """How many sounds may be played at the same time: one to each leg, and some."""
    return 2 * settings.sip.max_calls + 64


def _nameservers() -> list[str]:
    """Of this host. Without them PJSIP resolves names with a call that blocks the SIP thread."""
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [word[1] for word in words if len(word) > 1 and word[0] == "nameserver" and ":" not in word[1]][:4]


def transports(sip: Sip) -> Iterator[tuple[str, int, Any]]:
    """(as configured, PJSIP's kind, TransportConfig) of each listener."""
    for text, listener in zip(sip.listen, sip.listeners, strict=True):
        config = pj.TransportConfig()
        config.port = listener.port
        config.boundAddress = listener.host
        config.publicAddress = sip.public(listener)[0]
        if listener.transport == "tls":
            config.tlsConfig.certFile = str(sip.tls_certificate)
            config.tlsConfig.privKeyFile = str(sip.tls_key)
            config.tlsConfig.CaListFile = str(sip.tls_ca or "")
            config.tlsConfig.verifyServer = config.tlsConfig.verifyClient = sip.tls_ca is not None
        yield text, _KINDS[listener.transport][":" in listener.host], config


def srtp_modes(settings: Settings) -> tuple[str, ...]:
    """The values of `peers.*.srtp` that need an account. Calls arrive at the first: one that knows SRTP, if any."""
    modes = {peer.srtp for peer in settings.peers.values()} - {"none"}
    return ("optional", *sorted(modes - {"optional"}), "none") if modes else ("none",)


def account_config(settings: Settings, srtp: str) -> Any:
    """One account for all dialogs of one `srtp`; who is calling stands in each INVITE's own From."""
    config = pj.AccountConfig()
    first = settings.sip.listeners[0]
    config.idUri = f"sip:b2bua@[{first.host}]" if ":" in first.host else f"sip:b2bua@{first.host}"
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.sipOutboundUse = 0
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.mediaConfig.lockCodecEnabled = False  # we answer with one codec ourselves
    _media(config.mediaConfig, settings.media)
    config.mediaConfig.srtpUse = _SRTP[srtp]
    config.mediaConfig.srtpSecureSignaling = 0  # the operator chooses the listeners
    config.videoConfig.autoShowIncoming = False
    config.videoConfig.autoTransmitOutgoing = False
    return config


def _media(config: Any, media: Media) -> None:
    low, high = media.port_range
    config.transportConfig.port = low
    config.transportConfig.portRange = high - low
    config.transportConfig.boundAddress = media.host
    config.transportConfig.publicAddress = media.public_host or media.host
    config.ipv6Use = pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY if ":" in media.host else pj.PJSUA_IPV6_DISABLED
    config.rtcpMuxEnabled = False


def codec_priorities(endpoint: Any, wanted: Sequence[str]) -> Iterator[tuple[str, int]]:
    """PJSIP's codec ids with priorities in the operator's order; 0 switches a codec off."""
    rank = {name.lower(): 255 - index for index, name in enumerate(wanted)}
    for codec in endpoint.codecEnum2():
        yield codec.codecId, rank.get(codec.codecId.split("/", 1)[0].lower(), 0)

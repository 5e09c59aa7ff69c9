# SPDX-License-Identifier: GPL-3.0-or-later
"""PJSIP itself: started, polled, stopped; INVITEs in and out. One per process, and only on the thread that made it."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pjsua2 as pj

from b2bua.calls import sdp
from b2bua.calls.exchange import DialError
from b2bua.calls.headers import Headers, Party, escape_user, user_of
from b2bua.calls.leg import Dial, Invite, Leg
from b2bua.calls.reason import EndReason
from b2bua.calls.routing import asserted_party
from b2bua.sip.bridge import Bridge
from b2bua.sip.dialog import Dialog, barrier
from b2bua.sip.leg import SipLeg
from b2bua.sip.params import op_param, plain
from b2bua.sip.player import Player
from b2bua.sip.start import account_config, codec_priorities, endpoint_config, source_slots, srtp_modes, transports
from b2bua.sip.tones import Tones
from b2bua.sip.watch import GateWatch, MediaWatch
from config.settings import Peer, Settings

log = logging.getLogger(__name__)

DRAIN_RETRY_AFTER_S = 5
NUMBER_TAKEN_S = 1.0  # then a dialog that has ended is looked at again

Arrived = Callable[[Leg, Invite], None]


class SipError(Exception):
    """PJSIP refused something at start; the text names the key and the value."""


class _Endpoint(pj.Endpoint):  # type: ignore[misc]  # pjsua2 has no types
    """PJSIP's library object, for the one callback that belongs to no call."""

    @barrier
    def onRejectedIncomingCall(self, prm: Any) -> None:
        """PJSIP itself answered an INVITE: SDP without audio, a Require we do not serve, bad SDP."""
        log.warning("INVITE from %s (%s) answered with %d %s by the SIP stack: no usable audio, or a bad or "
                    "unsupported header", prm.rdata.srcAddress, prm.remoteInfo, prm.statusCode, prm.reason)


class _Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """An account that our dialogs use: one for each `peers.*.srtp`."""

    def __init__(self, incoming: Callable[[int, str, str], None]) -> None:
        super().__init__()
        self._incoming = incoming

    @barrier
    def onIncomingCall(self, prm: Any) -> None:
        """An INVITE passed the gate."""
        self._incoming(prm.callId, prm.rdata.srcAddress, prm.rdata.wholeMsg)


class SipEndpoint:
    """SIP and media, started by `start`, kept alive by `poll`, ended by `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = threading.get_ident()
        self._endpoint = _Endpoint()
        self._accounts: dict[str, _Account] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._legs: set[SipLeg] = set()
        self._networks = _networks(settings.peers)
        self.bridge: Bridge
        self.tones: Tones
        self.player: Player
        self.gate: pj.Gate
        self.arrived: Arrived = lambda leg, invite: leg.hangup(EndReason.from_code(503, "not ready"))
        self.on_stats: Callable[[SipLeg, Any], None] = lambda leg, stats: None
        self.on_media: Callable[[SipLeg], None] = lambda leg: None
        self.on_disagreement: Callable[[SipLeg], None] = lambda leg: None

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start PJSIP, without listeners yet."""
        self._check_thread()
        self._loop = loop
        pj.init_limits()
        self._endpoint.libCreate()
        self._endpoint.libInit(endpoint_config(self._settings))
        self.gate = pj.Gate()
        pj.take_requests()
        pj.relay_install()
        for peer in self._settings.peers.values():
            for network in peer.networks:
                self.gate.allow(network)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec, priority in codec_priorities(self._endpoint, self._settings.media.codecs):
            self._endpoint.codecSetPriority(codec, priority)
        media = self._settings.media
        self.tones = Tones(media.mix_rate_hz)
        sources = source_slots(self._settings)
        self.player = Player(pj.Sources(sources, media.mix_rate_hz), sources)
        self.bridge = Bridge(media.bank_slots, media.bank_s, media.mix_rate_hz, relays=media.relay)
        self._watches = [loop.create_task(watch.run()) for watch in
                         (MediaWatch(lambda: self._legs, media.timeout_s), GateWatch(self.gate))]

    def listen(self) -> None:
        """Open the listeners. Raises SipError naming the one that cannot be opened."""
        for text, kind, config in transports(self._settings.sip):
            try:
                self._endpoint.transportCreate(kind, config)
            except pj.Error as error:
                raise SipError(f"sip.listen: {text}: {error.reason}; is another process using it?") from None
        for mode in srtp_modes(self._settings):
            self._accounts[mode] = _Account(partial(self._incoming, mode))
            self._accounts[mode].create(account_config(self._settings, mode), len(self._accounts) == 1)

    def poll(self, timeout_ms: int) -> None:
        """Let PJSIP work; callbacks run in here."""
        self._endpoint.libHandleEvents(timeout_ms)

    def drain(self) -> None:
        """Refuse new calls (503 with Retry-After) and report 503 to OPTIONS; live dialogs go on."""
        self.gate.drain(True, DRAIN_RETRY_AFTER_S)

    def stop(self) -> None:
        """Destroy the library. No leg may be used afterwards."""
        self._check_thread()
        for leg in list(self._legs):
            leg.let_go()
        self._legs.clear()
        if hasattr(self, "tones"):
            self.player.close()
            self.tones.close()
        self._accounts.clear()
        self._endpoint.libDestroy()

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("pjsua2 may only be used on the thread that made the endpoint")

    # -- incoming -------------------------------------------------------------------------------------------------

    def _incoming(self, srtp: str, call_id: int, source: str, message: str) -> None:
        assert self._loop is not None
        headers = Headers.parse(message)
        peer_name = self.peer_at(source.rsplit(":", 1)[0])
        peer = self._settings.peers.get(peer_name or "")
        caller = Party.parse(headers.get("from"))
        party = asserted_party(peer, headers, caller) if peer is not None else caller
        leg = SipLeg(headers.get("call-id"), peer_name or "unknown", peer or Peer(uri="sip:192.0.2.0"),
                     "inbound", party, self, self._loop, self._settings.digits.fuse_ms)
        dialog = Dialog(self._accounts[srtp], leg, call_id)
        self._own(leg, dialog)
        if peer_name is None:
            leg.hangup(EndReason.from_code(403, f"{source} is no peer"))
            return
        body = sdp.body_of(message)
        if peer is not None and peer.srtp == "required" and not sdp.is_secure(body):
            leg.hangup(EndReason.from_code(488, f"{peer_name}: srtp is required"))
            return
        number = user_of(message.split(" ", 2)[1]) if message.count(" ") > 1 else ""
        offered = sdp.codecs(body)
        if peer is not None:
            _credentials(dialog, peer)
        self.arrived(leg, Invite(number, caller, headers, offered, source))

    def peer_at(self, address: str) -> str | None:
        """The name of the peer whose networks hold this address (the narrowest network wins)."""
        try:
            ip = ipaddress.ip_address(address.strip("[]"))
        except ValueError:
            return None
        return next((name for network, name in self._networks if ip.version == network.version and ip in network), None)

    # -- outgoing -------------------------------------------------------------------------------------------------

    def dial(self, dial: Dial) -> Leg:
        """Send an INVITE. Raises DialError when it cannot be sent at all."""
        assert self._loop is not None
        peer = self._settings.peers[dial.peer]
        target = number_uri(peer.uri, dial.number) + plain(dial.uri_params)
        leg = SipLeg("", dial.peer, peer, "outbound", Party("", dial.number, target), self, self._loop,
                     self._settings.digits.fuse_ms)
        leg.preferred_codecs = dial.codecs
        dialog = Dialog(self._accounts[peer.srtp], leg)
        self._own(leg, dialog)
        prm = op_param(headers=dial.headers)
        prm.txOption.localUri = plain(dial.caller.name_addr(self.public_host))
        try:
            dialog.makeCall(target, prm)
            leg.id = dialog.getInfo().callIdString  # raises when the INVITE has failed already
            _credentials(dialog, peer)
        except pj.Error as error:
            self._forget(leg)
            raise DialError(EndReason.from_code(503, f"{dial.peer}: {error.reason}")) from None
        return leg

    @property
    def public_host(self) -> str:
        """host:port that the far ends know us by."""
        host, port = self._settings.sip.public(self._settings.sip.listeners[0])
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def public_address(self, leg: Leg) -> str:
        """host:port by which this leg's far end can call us."""
        return self.public_host

    # -- legs -----------------------------------------------------------------------------------------------------

    def _own(self, leg: SipLeg, dialog: Dialog) -> None:
        leg.carried_by(dialog)
        self._legs.add(leg)

    def media_changed(self, leg: SipLeg) -> None:
        """Its port is another one, or none."""
        self.bridge.media_changed(leg)
        self.player.media_changed(leg)
        self.on_media(leg)

    def stream_ended(self, leg: SipLeg, stats: Any) -> None:
        """What RTP and RTCP counted in it."""
        self.on_stats(leg, stats)

    def digits_disagree(self, leg: SipLeg) -> None:
        """Two transports of a leg told different digits for one press."""
        self.on_disagreement(leg)

    def play_digit(self, leg: SipLeg, digit: str, duration_ms: int) -> None:
        """As a tone."""
        self.tones.digit(leg, digit, duration_ms)

    def leg_ended(self, leg: SipLeg) -> None:
        """It is let go, but not at once: we are inside a callback of the very object that goes."""
        assert self._loop is not None
        self._loop.call_soon(self._forget, leg)

    def _forget(self, leg: SipLeg) -> None:
        self.tones.forget(leg)
        self.player.forget(leg)
        if leg.let_go():
            self._legs.discard(leg)
        else:
            asyncio.get_running_loop().call_later(NUMBER_TAKEN_S, self._forget, leg)

    @property
    def legs_alive(self) -> int:
        """Legs that have a pjsua2 object; back to zero when nobody talks."""
        return len(self._legs)


def _credentials(dialog: Dialog, peer: Peer) -> None:
    """What this peer's 401 and 407 are answered with; another peer's never are."""
    if peer.username is not None and peer.password is not None:
        pj.set_credentials(dialog.getId(), peer.realm, peer.username, peer.password.get_secret_value())


def number_uri(peer_uri: str, number: str) -> str:
    """A number at a peer: `sip:host;transport=tcp` becomes `sip:1001@host;transport=tcp`."""
    scheme, _, rest = peer_uri.partition(":")
    return f"{scheme}:{escape_user(number)}@{rest}" if number else peer_uri


def _networks(peers: Mapping[str, Peer]) -> list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]]:
    """Every peer's networks, the narrowest first."""
    found = [(ipaddress.ip_network(item, strict=False), name)
             for name, peer in peers.items() for item in peer.networks]
    return sorted(found, key=lambda pair: -pair[0].prefixlen)

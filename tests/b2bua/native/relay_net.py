# SPDX-License-Identifier: GPL-3.0-or-later
"""One endpoint that plays everybody in a relayed call, for the scenarios: they run as scripts (`import relay_net`)."""

from __future__ import annotations

from typing import Any

X_HZ, Y_HZ = 500, 900
TAP_FRAMES = 64


class Net:
    """One endpoint that plays everybody: X and Y with a tone each, and the two legs between them."""

    def __init__(self, rig: Any, codecs: tuple[str, str] = ("PCMU", "PCMU"), srtp: bool = False) -> None:
        import pjsua2 as pj

        self.rig, self.pj = rig, pj
        pj.relay_install()
        self.port = rig.listen()
        rig.start()
        self.digits: dict[str, list[Any]] = {}
        self.legs: dict[str, Any] = {}
        self.accounts = [self._account(name, srtp) for name in ("gate", "phone")]
        self.codecs = codecs
        self.bank = pj.Bank(8, TAP_FRAMES, 8000)
        self.tones = {"x": rig.tone(X_HZ), "y": rig.tone(Y_HZ)}

    def _account(self, name: str, srtp: bool) -> Any:
        pj, net = self.pj, self

        class Account(pj.Account):  # type: ignore[misc,name-defined]
            def onIncomingCall(self, prm: Any) -> None:
                who = {"gate": "a", "phone": "y"}[name]
                net.legs[who] = net.leg(self, who, prm.callId)
                net.legs[who].answer(net.options(200))

        config = pj.AccountConfig()
        config.idUri = f"sip:{name}@127.0.0.1:{self.port}"
        transport = config.mediaConfig.transportConfig
        transport.boundAddress = transport.publicAddress = "127.0.0.1"
        transport.port = {"gate": 23200, "phone": 23600}[name]
        if srtp:
            config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            config.mediaConfig.srtpSecureSignaling = 0
        account = Account()
        account.create(config)
        return account

    def leg(self, account: Any, who: str, call_id: int = -1) -> Any:
        pj, net = self.pj, self
        net.digits.setdefault(who, [])

        class Leg(pj.Call):  # type: ignore[misc,name-defined]
            def onDtmfEvent(self, prm: Any) -> None:
                if not prm.flags & 1:
                    code = "0123456789*#ABCDR".index(prm.digit)
                    net.digits[who].append((prm.digit, pj.relay_event(self.getId(), code, prm.timestamp).passed))

        return Leg(account, call_id)

    def options(self, code: int = 0) -> Any:
        prm = self.pj.CallOpParam(True)
        prm.opt.videoCount = prm.opt.textCount = 0
        prm.statusCode = code
        return prm

    def call(self, who: str, account: int, to: str, codec: str) -> None:
        for known in self.rig.endpoint.codecEnum2():
            self.rig.endpoint.codecSetPriority(known.codecId, 255 if known.codecId.startswith(codec) else 0)
        self.legs[who] = self.leg(self.accounts[account], who)
        self.legs[who].makeCall(f"sip:{to}@127.0.0.1:{self.port}", self.options())

    def connect(self) -> None:
        """X - A and B - Y have media; X and Y speak."""
        self.call("x", 1, "gate", self.codecs[0])
        assert self.rig.poll_until(lambda: self.ready("x", "a"))
        self.call("b", 0, "phone", self.codecs[1])
        assert self.rig.poll_until(lambda: self.ready("b", "y"))
        for who in ("x", "y"):
            assert self.pj.conf_connect(self.tones[who].getPortId(), self.media(who)) == 0

    def ready(self, *names: str) -> bool:
        return all(name in self.legs and self.media(name) >= 0 for name in names)

    def id(self, who: str) -> int:
        return int(self.legs[who].getId())

    def media(self, who: str) -> int:
        return int(self.pj.leg_port(self.id(who)))

    def join(self) -> int:
        return int(self.pj.relay_join(self.id("a"), self.id("b"), True, True))

    def path(self, kind: str) -> None:
        """As the product's Path does it."""
        ports = self.media("a"), self.media("b")
        act = self.pj.conf_connect if kind == "mix" else self.pj.conf_disconnect
        if kind == "relay":
            self.join()
        else:
            self.pj.relay_part(self.id("a"))
        act(*ports)
        act(*reversed(ports))

    def listen(self, *names: str, seconds: float = 1.0) -> list[Any]:
        """(frequency, loud?) of what the stream of each of these legs has received lately."""
        import numpy as np
        from test_bank import Rows

        slots = [self.bank.open(self.media(name)) for name in names]
        self.rig.poll(seconds)
        rows, found = Rows(self.bank), []
        for name, slot in zip(names, slots, strict=True):
            found.append((rows.hz(slot), float(np.abs(rows.latest(slot, 10)).mean()) > 50))
            self.bank.close(slot, self.media(name))
        return found

    def hears(self) -> list[float]:
        return [hz for hz, _ in self.listen("x", "y")]

    def stats(self, who: str) -> dict[str, Any]:
        found = self.pj.relay_stats(self.id(who))
        return {name: getattr(found, name) for name in dir(found) if name[0] != "_" and name not in ("this", "thisown")}

    def stream(self, who: str) -> Any:
        return self.pj.stream_stats(self.id(who))

    def heard(self, who: str) -> str:
        return "".join(digit for digit, _ in self.digits[who])

    def press(self, who: str, digits: str, ms: int = 100) -> None:
        prm = self.pj.CallSendDtmfParam()
        prm.method, prm.digits, prm.duration = self.pj.PJSUA_DTMF_METHOD_RFC2833, digits, ms
        self.legs[who].sendDtmf(prm)

    def hangup(self) -> None:
        self.rig.endpoint.hangupAllCalls()
        self.rig.poll_until(lambda: not any(leg.isActive() for leg in self.legs.values()))
        self.rig.poll(0.1)
        self.legs.clear()

    def end(self) -> None:
        """Let go of everything: what outlives the library hangs or crashes in its destructor."""
        self.hangup()
        for account in self.accounts:
            account.shutdown()
        self.accounts.clear()
        self.tones.clear()

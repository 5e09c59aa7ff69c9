# SPDX-License-Identifier: GPL-3.0-or-later
"""A telephone on pjsua2: the process behind `tests.peers.phone.Phone`.

Commands come as JSON lines on stdin, events go as JSON lines to stdout. One thread does all: it polls PJSIP and reads
stdin in turn. `python -m tests.peers.phone_ua HOST PORT udp|tcp|tls PEM`;
with tls its sound is SRTP or there is none. PEM: certificate and key in one file, or "".
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

import pjsua2 as pj

TURN_MS = 10
BRIDGE_HZ = 16000
RTP_PORT = 31000  # first one tried; the address is our own
IS_END = 2  # PJMEDIA_STREAM_DTMF_IS_END
TONE_DBM0 = -10
TONE_PEAK = 32767 * 10 ** ((TONE_DBM0 - 3.17) / 20)


def tell(event: str, **fields: Any) -> None:
    """One event for the parent."""
    print(json.dumps({"event": event, **fields}), flush=True)


class PhoneCall(pj.Call):
    """One dialog; tells what happens to it."""

    def __init__(self, phone: PhoneAccount, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, call_id)
        self._phone = phone

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        state = info.stateText.lower().replace("disconnctd", "disconnected")
        tell("state", call=info.id, state=state, code=int(info.lastStatusCode), reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._phone.forget(self)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()
        audio = [m for m in info.media if m.type == pj.PJMEDIA_TYPE_AUDIO]
        active = bool(audio) and audio[0].status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
        tell("media", call=info.id, active=active,
             held=bool(audio) and audio[0].status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
        if active:
            self._phone.connect(self.getAudioMedia(-1))

    def onDtmfEvent(self, prm: Any) -> None:
        if prm.flags & IS_END:
            method = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc4733"
            tell("digit", digit=prm.digit, ms=int(prm.duration), method=method)

    def onCallTransferRequest(self, prm: Any) -> None:
        tell("refer", target=prm.dstUri)
        prm.statusCode = self._phone.refer_code
        if self._phone.refer_code < 300:
            prm.newCall = self._phone.keep(PhoneCall(self._phone))


class PhoneAccount(pj.Account):
    """The line: its calls, and the tone and recording that are joined to whatever call has sound."""

    def __init__(self) -> None:
        super().__init__()
        self.refer_code = 603
        self.calls: list[PhoneCall] = []
        self.tone: pj.ToneGenerator | None = None
        self.recorder: pj.AudioMediaRecorder | None = None

    def keep(self, call: PhoneCall) -> PhoneCall:
        """Hold on to a call until it has ended."""
        self.calls.append(call)
        return call

    def forget(self, call: PhoneCall) -> None:
        """It has ended."""
        self.calls = [other for other in self.calls if other is not call]

    def onIncomingCall(self, prm: Any) -> None:
        call = self.keep(PhoneCall(self, prm.callId))
        info = call.getInfo()
        tell("incoming", call=info.id, remote=info.remoteUri, local=info.localUri, message=prm.rdata.wholeMsg)

    def connect(self, audio: Any) -> None:
        """The call has sound: our tone goes in, what comes out is recorded."""
        if self.tone is not None:
            self.tone.startTransmit(audio)
        if self.recorder is not None:
            audio.startTransmit(self.recorder)


class PhoneUa:
    """Obeys commands: each `do_<name>` is one."""

    def __init__(self, host: str, port: int, transport: str, pem: str) -> None:
        self._host, self._port, self._transport, self._pem = host, port, transport, pem
        self._quit = False
        self._unread = b""
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = 1
        config.medConfig.clockRate = BRIDGE_HZ
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self._endpoint.libInit(config)
        self._endpoint.audDevManager().setNullDev()
        self._open_transport()
        self._endpoint.libStart()
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
        self._account = self._register()

    def _open_transport(self) -> None:
        config = pj.TransportConfig()
        config.port, config.boundAddress, config.publicAddress = self._port, self._host, self._host
        config.tlsConfig.certFile = config.tlsConfig.privKeyFile = self._pem
        kind = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}[
            self._transport]
        self._endpoint.transportCreate(kind, config)

    def _register(self) -> PhoneAccount:
        config = pj.AccountConfig()
        config.idUri = f'"Phone" <sip:phone@{self._host}:{self._port}>'
        config.sipConfig.contactForced = f"<sip:phone@{self._host}:{self._port};transport={self._transport}>"
        media = config.mediaConfig.transportConfig
        media.boundAddress, media.publicAddress, media.port = self._host, self._host, RTP_PORT
        if self._transport == "tls":
            config.mediaConfig.srtpUse, config.mediaConfig.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 1
        account = PhoneAccount()
        account.create(config)
        return account

    def run(self) -> None:
        """Until told to quit or left alone."""
        tell("ready")
        while not self._quit:
            self._endpoint.libHandleEvents(TURN_MS)
            if select.select([0], [], [], 0)[0]:
                self._read()
        talks = any(call.isActive() for call in self._account.calls)
        self._endpoint.hangupAllCalls()
        self._account.tone = self._account.recorder = None
        self._account.calls.clear()
        self._endpoint.libDestroy(0 if talks else pj.PJSUA_DESTROY_NO_NETWORK)  # a second less than waiting for nobody

    def _read(self) -> None:
        data = os.read(0, 65536)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            name = command.pop("do")
            try:
                getattr(self, f"do_{name}")(**command)
            except pj.Error as error:
                tell("error", command=name, text=error.info())
            else:
                tell("done", command=name)
        self._quit = self._quit or not data

    @property
    def _call(self) -> PhoneCall:
        return self._account.calls[-1]

    def do_call(self, uri: str, from_user: str = "phone", headers: dict[str, str] | None = None) -> None:
        """Call somebody."""
        prm = pj.CallOpParam(True)
        prm.opt.textCount = prm.opt.videoCount = 0
        prm.txOption.localUri = f'"Phone" <sip:{from_user}@{self._host}:{self._port}>'
        for name, value in (headers or {}).items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            prm.txOption.headers.append(header)
        self._account.keep(PhoneCall(self._account)).makeCall(uri, prm)

    def do_answer(self, code: int = 200) -> None:
        """Answer the last call with this code; below 200 it rings."""
        prm = pj.CallOpParam()
        prm.statusCode = code
        self._call.answer(prm)

    def do_hangup(self, code: int = 0) -> None:
        """Hang up the last call."""
        prm = pj.CallOpParam()
        prm.statusCode = code
        self._call.hangup(prm)

    def do_hangup_all(self) -> None:
        """Hang up every call."""
        self._endpoint.hangupAllCalls()

    def do_tone(self, hz: int) -> None:
        """Play a tone into this call and all that come."""
        desc = pj.ToneDesc()
        desc.freq1, desc.freq2, desc.on_msec, desc.off_msec = hz, 0, 1000, 0
        desc.volume = round(TONE_PEAK)
        tones = pj.ToneDescVector()
        tones.append(desc)
        self._account.tone = pj.ToneGenerator()
        self._account.tone.createToneGenerator(BRIDGE_HZ, 1)
        self._account.tone.play(tones, True)
        self._reconnect()

    def do_record(self, file: str) -> None:
        """Record what is heard from now on."""
        self._account.recorder = pj.AudioMediaRecorder()
        self._account.recorder.createRecorder(file)
        self._reconnect()

    def do_stop_record(self) -> None:
        """Close the recording."""
        self._account.recorder = None

    def _reconnect(self) -> None:
        for call in self._account.calls:
            if call.hasMedia():
                self._account.connect(call.getAudioMedia(-1))

    def do_digits(self, digits: str, ms: int = 100, method: str = "rfc4733") -> None:
        """Press keys."""
        prm = pj.CallSendDtmfParam()
        prm.digits, prm.duration = digits, ms
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        self._call.sendDtmf(prm)

    def do_hold(self) -> None:
        """Put the far end on hold."""
        self._call.setHold(pj.CallOpParam(True))

    def do_unhold(self) -> None:
        """Take it off hold."""
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        prm.opt.textCount = prm.opt.videoCount = 0
        self._call.reinvite(prm)

    def do_transfer(self, uri: str) -> None:
        """Blind: REFER the far end of the first call to somebody."""
        self._account.calls[0].xfer(uri, pj.CallOpParam(True))

    def do_transfer_joined(self) -> None:
        """Attended: REFER the far end of the first call to that of the second, with Replaces."""
        first, second = self._account.calls[:2]
        first.xferReplaces(second, pj.CallOpParam(True))

    def do_refer_policy(self, code: int) -> None:
        """Answer REFER with this code from now on; 202 follows it."""
        self._account.refer_code = code

    def do_quit(self) -> None:
        """End."""
        self._quit = True


if __name__ == "__main__":
    PhoneUa(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]).run()

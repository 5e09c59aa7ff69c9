# SPDX-License-Identifier: GPL-3.0-or-later
"""A real endpoint on the loopback interface, for the scenarios: they run as scripts, so this is `import endpoint`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

RATE_HZ = 8000  # of every source


class Rig:
    """PJSIP as the product runs it: no threads of its own for SIP, null sound device."""

    def __init__(self, bridge_hz: int = RATE_HZ) -> None:
        pj.init_limits()
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = 16
        config.logConfig.level = config.logConfig.consoleLevel = 1
        config.medConfig.clockRate = config.medConfig.sndClockRate = bridge_hz
        config.medConfig.sndAutoCloseTime = -1
        config.medConfig.noVad = True
        config.medConfig.maxMediaPorts = 64
        self.endpoint.libInit(config)
        self.endpoint.audDevManager().setNullDev()

    def listen(self) -> int:
        """Open UDP on a free port of 127.0.0.1; return the port."""
        config = pj.TransportConfig()
        config.boundAddress = config.publicAddress = "127.0.0.1"
        transport = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, config)
        return int(self.endpoint.transportGetInfo(transport).localName.rsplit(":", 1)[1])

    def start(self) -> None:
        self.endpoint.libStart()

    def poll(self, seconds: float) -> None:
        """Let PJSIP work for this long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.endpoint.libHandleEvents(5)

    def poll_until(self, condition: Callable[[], bool], limit_s: float = 5.0) -> bool:
        """Let PJSIP work until the condition holds; False when it never did."""
        end = time.monotonic() + limit_s
        while not condition() and time.monotonic() < end:
            self.endpoint.libHandleEvents(5)
        return condition()

    def tone(self, hz: int) -> pj.ToneGenerator:
        """A source in the conference that plays one frequency without end."""
        generator = pj.ToneGenerator()
        generator.createToneGenerator(RATE_HZ, 1)
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec, tone.volume = hz, 0, 30000, 0, 8000
        tones = pj.ToneDescVector()
        tones.append(tone)
        generator.play(tones, True)
        return generator


def main(scenarios: dict[str, Any]) -> None:
    """Run the scenario named on the command line; print its findings. The wideband ones get a 16 kHz bridge."""
    name = sys.argv[1]
    rig = Rig(16000 if name.startswith("wideband") else RATE_HZ)
    findings = scenarios[name](rig)
    rig.endpoint.libDestroy()
    print(json.dumps(findings))

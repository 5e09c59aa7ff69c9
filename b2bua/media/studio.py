# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that recordings need, put together: who starts them, writes, finishes, keeps and sends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from b2bua.calls.events import Events
from b2bua.media.bank import LATE_TICKS, BankView
from b2bua.media.finishing import Finishing
from b2bua.media.recorder import Taps, Writer
from b2bua.media.recordings import Beeps, Recordings, Room
from b2bua.media.shelf import Shelf
from b2bua.media.uploads import Uploads
from config.recordings import Recordings as Settings

log = logging.getLogger(__name__)


class Studio:
    """Made on the SIP thread; `start` and `stop` there. raises ConfigError when the public key is none"""

    def __init__(self, settings: Settings, bank: BankView, taps: Taps, events: Events,
                 loop: asyncio.AbstractEventLoop, beeps: Beeps | None = None) -> None:
        self._events, self._loop = events, loop
        self.writer = Writer(bank, settings.min_free_mb, LATE_TICKS)
        self.shelf = Shelf(settings)
        self._uploads = Uploads(settings, self.shelf, self._told)
        self._finishing = Finishing(settings, self.shelf, self._told, self._uploads.send)
        room = Room(bank, taps, self.writer, self._finishing, beeps)
        self.recordings = Recordings(settings, room, events, loop)

    def start(self) -> None:
        """Begin to write; what an earlier process has left is finished and sent."""
        self.writer.start()
        self._uploads.start()
        self._finishing.start()

    def stop(self) -> None:
        """Close every file, finish what there is time for. The loop must not run any more."""
        self.writer.stop()
        self._loop.run_until_complete(asyncio.sleep(0.05))  # what the writer has told
        self.stop_finishing()

    def stop_finishing(self) -> None:
        """What is closed is finished; what is not sent is sent after the next start."""
        self._finishing.stop()
        self._uploads.stop()

    def _told(self, name: str, manifest: Mapping[str, Any]) -> None:
        """From the finisher and the uploads: hand over."""
        try:
            self._loop.call_soon_threadsafe(self._publish, name, manifest)
        except RuntimeError:
            log.info("recording %s: %s after the end of the loop", manifest["id"], name)

    def _publish(self, name: str, manifest: Mapping[str, Any]) -> None:
        facts = {"file": manifest.get("file"), "duration_s": manifest.get("duration_ms", 0) / 1000,
                 "sha256": manifest.get("sha256"), "interrupted": manifest.get("interrupted"),
                 "error": manifest.get("error"), "upload": manifest.get("upload")}
        self._events.publish(f"recording.{name}", call_id=manifest.get("interaction_id"),
                             leg_id=manifest.get("call_id"), account_id=manifest.get("account_id"),
                             recording_id=manifest["id"],
                             **{key: value for key, value in facts.items() if value is not None})

# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that makes sounds for people, put together: the library, the speech, the changed voices, their threads."""

from __future__ import annotations

from b2bua.media.bank import BankView
from b2bua.media.library import Library
from b2bua.media.preparing import SoundCache
from b2bua.media.recorder import Taps
from b2bua.media.speech import Speech
from b2bua.media.voices import Feeds, Voices
from b2bua.media.workshop import Workshop
from config.settings import Settings


class Desk:
    """Made once, by the app."""

    def __init__(self, settings: Settings, bank: BankView, taps: Taps, feeds: Feeds) -> None:
        self.workshop = Workshop()
        self.library = Library(settings.sounds, settings.media.mix_rate_hz, self.workshop)
        spoken = SoundCache(settings.sounds.cache / "spoken", settings.media.mix_rate_hz,
                            round(settings.speech.cache_mb * 1e6), settings.sounds.max_s)
        self.speech = Speech(settings.speech, spoken, self.workshop)
        self.voices = Voices(bank, taps, feeds)

    def start(self) -> None:
        """Begin to take work."""
        self.workshop.start()
        self.voices.start()

    def stop(self) -> None:
        """End the threads."""
        self.workshop.stop()
        self.voices.stop()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The only assembly: builds the parts, starts and stops the threads.

Stop order: refuse new calls, drain, hang up what is left, writer, API, PJSIP last (on this thread).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from b2bua.api.parts import ApiParts
from b2bua.api.server import ApiThread
from b2bua.calls.directory import Directory
from b2bua.calls.events import Events
from b2bua.calls.exchange import Exchange
from b2bua.hook import ask
from b2bua.live import Live
from b2bua.logs import event_logger
from b2bua.loop import sip_loop
from b2bua.media.bank import BankView
from b2bua.media.desk import Desk
from b2bua.media.listener import Listener
from b2bua.media.studio import Studio
from b2bua.metaflows.context import Parts
from b2bua.metaflows.parking import Lot, pickup
from b2bua.metaflows.permit import Permit
from b2bua.metaflows.referred import referrals
from b2bua.metaflows.session import listener
from b2bua.metrics import Metrics, Readings
from b2bua.scripts import WebScripts
from b2bua.sip.endpoint import SipEndpoint
from b2bua.sip.leg import SipLeg
from b2bua.store import Store
from config.settings import ConfigError, Settings

log = logging.getLogger(__name__)

END_LIMIT_S = 5.0  # how long BYEs may take at the end
HURRY_LIMIT_S = 1.0  # the same after a second signal


class App:
    """The service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._metrics = Metrics(self._registry)
        self._endpoint = SipEndpoint(settings)
        self._loop = sip_loop(self._endpoint.poll, self._metrics.turn.observe)
        self._events = Events(time.time)
        self._events.subscribe(event_logger())
        self._events.subscribe(self._metrics.heard)
        self._ready = False
        self._stopping: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    def run(self) -> None:
        """Until told to stop. Raises ConfigError or SipError when it cannot start."""
        asyncio.set_event_loop(self._loop)
        try:
            self._start()
            self._loop.run_until_complete(self._stopped.wait())
        finally:
            self._close()

    # -- start --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        _raise_file_limit(self._settings.sip.max_calls)
        self._endpoint.on_stats = self._media_ended
        self._endpoint.start(self._loop)
        settings, bridge = self._settings, self._endpoint.bridge
        self._exchange = Exchange(settings.sip, settings.peers, settings.routes, self._endpoint, bridge, self._events)
        bank = BankView(bridge.bank)
        self._studio = Studio(settings.recordings, bank, bridge, self._events, self._loop, self._endpoint.tones)
        self._desk = Desk(settings, bank, bridge, self._endpoint.player.sources)
        self._events.subscribe(self._desk.voices.heard)
        self._lot = Lot(settings.park)
        desk = self._desk
        self._parts = Parts(self._exchange, settings.peers, self._endpoint.public_address, self._studio.recordings,
                            tones=self._endpoint.tones, player=self._endpoint.player, log_digits=settings.log.digits,
                            recording_notice=settings.recordings.notice,
                            library=desk.library, speech=desk.speech, voices=desk.voices,
                            hold_music=settings.sounds.hold_music, lot=self._lot,
                            scripts=WebScripts(settings.pivot, desk.workshop), permit=self._permit())
        self._exchange.listen = listener(self._parts)
        self._exchange.pickup = pickup(self._lot)
        self._exchange.referred = referrals(self._parts)
        self._registry.register(self._readings())
        self._listener = Listener(bank, bridge, self._loop)
        self._endpoint.on_media = self._media_changed
        self._endpoint.on_disagreement = lambda leg: self._metrics.presses.disagree(leg.peer)
        self._studio.start()
        self._desk.start()
        self._listener.start()
        self._start_api()
        self._loop.run_until_complete(asyncio.sleep(0))  # the first directory is there before the first call
        self._endpoint.arrived = self._exchange.arrived
        self._endpoint.listen()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._told_to_stop)
        gc.collect()
        gc.freeze()  # a large directory is not walked over again and again: that would hold up this thread
        self._ready = True
        log.info("ready: SIP on %s, API on http://%s", ", ".join(settings.sip.listen), settings.api.listen)

    def _start_api(self) -> None:
        store = Store(self._settings.store, self._settings.store_wait_s)
        store.on_change.append(self._directory_changed)
        parts = ApiParts(store, self._settings.api, self._registry, lambda: self._ready,
                         Live(self._exchange, self._loop, self._parts),
                         recordings=self._studio.shelf, sounds=self._settings.sounds,
                         pbx_codes=self._settings.metaflows.pbx_codes)
        self._events.subscribe(parts.events.publish)
        self._api = ApiThread(parts, seed=_seed(self._settings.seed))
        self._api.start()

    def _permit(self) -> Permit:
        """The hook is asked on the API loop."""
        rules = self._settings.transfers

        async def asked(question: Mapping[str, Any]) -> int:
            return await self._api.run(ask(rules, question))

        return Permit(rules, asked if rules.hook is not None else None)

    def _directory_changed(self, directory: Directory) -> None:
        """API thread: a new snapshot."""
        self._loop.call_soon_threadsafe(setattr, self._exchange, "directory", directory)

    def _readings(self) -> Readings:
        gate, bridge, exchange = self._endpoint.gate, self._endpoint.bridge, self._exchange
        player = self._endpoint.player
        return Readings(
            {"b2bua_requests_refused": ("SIP requests refused before they became calls", lambda: {
                "unknown_peer": gate.refused_unknown(), "draining": gate.refused_draining(),
                "too_many_hops": gate.refused_hops(), "method": gate.refused_method(), "malformed": gate.malformed()}),
             "b2bua_patterns_too_slow": ("Patterns given up after 50 ms", lambda: {"time_out": self._parts.slow.count}),
             "b2bua_bank_overruns": ("Frames lost to readers that came too late, taps refused", lambda: {
                 "recorder": self._studio.writer.overruns, "listener": self._listener.skipped,
                 "full": bridge.bank_full}),
             "b2bua_sources": ("20 ms of changed voices that came too late, did not fit or were skipped", lambda: {
                 "late": player.sources.underruns(), "full": player.sources.overruns(),
                 "skipped": self._desk.voices.skipped})},
            {"b2bua_writer_cpu_seconds": ("Processor time of the writer thread", lambda: self._studio.writer.cpu_s),
             "b2bua_bank_slots_in_use": ("Legs that are tapped", lambda: bridge.taps_in_use),
             "b2bua_dsp_cpu_seconds": ("Processor time of the DSP thread", lambda: self._listener.cpu_s),
             "b2bua_legs_listened_to": ("Legs whose audio is searched for tones", lambda: self._listener.listening),
             "b2bua_sounds_playing": ("Sounds that legs hear of ours", lambda: player.active),
             "b2bua_voices_changed": ("Legs whose voice is changed", lambda: self._desk.voices.active),
             "b2bua_legs": ("SIP legs that exist", lambda: self._endpoint.legs_alive),
             "b2bua_relayed_calls": ("Calls whose legs hear each other without decoding", lambda: bridge.relayed_calls),
             "b2bua_parked": ("Parties that are parked", lambda: self._lot.count),
             "b2bua_live_calls": ("Calls that exist", lambda: len(exchange.calls))})

    def _media_changed(self, leg: SipLeg) -> None:
        if leg.ear.needs_listener:
            self._listener.follow(leg, leg.ear)
        else:
            self._listener.forget(leg)

    def _media_ended(self, leg: SipLeg, stats: Any) -> None:
        self._events.publish("leg.media_ended", leg_id=leg.id, peer=leg.peer, codec=stats.codec,
                             rx_packets=stats.rx_packets, rx_lost=stats.rx_lost, tx_lost=stats.tx_lost,
                             rx_jitter_s=stats.rx_jitter_ms / 1000, tx_jitter_s=stats.tx_jitter_ms / 1000)

    # -- stop ---------------------------------------------------------------------------------------------------

    def _told_to_stop(self) -> None:
        if self._stopping is None:
            log.info("draining: no new calls; %d live calls may go on for %g s (a second signal ends them now)",
                     len(self._exchange.calls), self._settings.sip.drain_s)
            self._stopping = self._loop.create_task(self._stop())
            self._stopping.add_done_callback(lambda task: self._stopped.set())  # however it ends
        else:
            log.warning("ending %d calls now", len(self._exchange.calls))
            self._stopping.cancel()

    async def _stop(self) -> None:
        self._ready = False
        self._endpoint.drain()
        limit_s = END_LIMIT_S
        try:
            await self._exchange.drain(self._settings.sip.drain_s)
        except asyncio.CancelledError:  # the second signal
            limit_s = HURRY_LIMIT_S
            self._exchange.end_all()
        await self._exchange.wait_idle(limit_s)
        await asyncio.sleep(0.5)  # the last BYE's answer, legs let go, recordings closed and told

    def _close(self) -> None:
        for name in ("_listener", "_studio", "_desk", "_api"):
            part = getattr(self, name, None)
            if part is not None:
                part.stop()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._endpoint.stop()
        self._loop.close()
        log.info("stopped")


def _raise_file_limit(max_calls: int) -> None:
    """RTP and RTCP of two legs are four sockets a call, and a recording is a file."""
    wanted = 6 * max_calls + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    if enough < wanted:
        log.warning("only %d files may be open, sip.max_calls = %d may need %d: raise the limit (ulimit -Hn, "
                    "LimitNOFILE=)", hard, max_calls, wanted)


def _seed(path: Path | None) -> Any:
    """The seed file's document, or None. Raises ConfigError naming the file."""
    if path is None:
        return None
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"seed: {path}: {error}"]) from None

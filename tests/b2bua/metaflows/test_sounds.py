# SPDX-License-Identifier: GPL-3.0-or-later
"""play, say, tts, break, audio_level, sound_touch: who is meant, what ends them, what they answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.calls.call import Call
from b2bua.calls.leg import Leg, LegState
from b2bua.calls.sounds import Sound, SoundError
from b2bua.metaflows.announce import SOUNDS_MAX
from b2bua.metaflows.context import Outcome
from b2bua.metaflows.executor import report_node
from tests.b2bua.metaflows.stage import Stage, Talk, settled
from tests.fakes import in_no_time


@dataclass
class FakeSpeech:
    """Speaks everything but "mute"."""

    language: str = "en-us"
    asked: list[tuple[str, str | None, str, str | None]] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)

    async def speak(self, account_id: str | None, text: str, *, language: str | None = None, voice: str = "female",
                    engine: str | None = None, keep: bool = True) -> Sound:
        self.kept.append(keep)
        self.asked.append((text, language, voice, engine))
        if text in ("", "mute"):
            raise SoundError("the engine is broken")
        return Sound(Path(text), 1.0)


@dataclass
class FakeVoices:
    """Remembers how voices are changed."""

    now: dict[str, tuple[float, float]] = field(default_factory=dict)

    def change(self, call: Call, leg: Leg, pitch: float, length: float) -> None:
        if pitch > 4:
            raise ValueError("pitch 5 is not within 0.25 and 4")
        self.now[leg.id] = (round(pitch, 3), round(length, 3))

    def restore(self, leg: Leg) -> bool:
        return self.now.pop(leg.id, None) is not None

    def changed(self, leg: Leg) -> bool:
        return leg.id in self.now


class Theatre:
    """A call of which `b` types, with speech and voices."""

    def __init__(self) -> None:
        self.stage = Stage(devices={"1001": {"numbers": {"1": {"module": "play", "data": {"id": "x"}}, "2": {
            "module": "tts", "data": {"text": "hi", "terminators": []}}, "5": {"module": "break"}}}})
        self.speech, self.voices = FakeSpeech(), FakeVoices()
        self.parts = replace(self.stage.parts, speech=self.speech, voices=self.voices)

    async def open(self) -> Talk:
        self.talk = await self.stage.talk()
        return self.talk

    def does(self, module: str, **data: Any) -> asyncio.Future[Any]:
        node = {"module": module, "data": data}
        return asyncio.ensure_future(report_node(self.talk.call, self.talk.b, node, self.parts))

    def heard(self) -> dict[str, list[str]]:
        """What a and b hear now."""
        return {name: [one.sound.file.name for one in self.stage.player.playing(leg)]
                for name, leg in (("a", self.talk.a), ("b", self.talk.b))}


@in_no_time
@pytest.mark.parametrize(("data", "a", "b"), [
    ({"leg": "self"}, [], ["x"]), ({"leg": "peer"}, ["x"], []), ({"leg": "both"}, ["x"], ["x"]), ({}, ["x"], ["x"])])
async def test_F74_play_is_for_self_peer_or_both(data: dict[str, str], a: list[str], b: list[str]) -> None:
    theatre = Theatre()
    await theatre.open()
    playing = theatre.does("play", id="x", **data)
    await settled()
    assert theatre.heard() == {"a": a, "b": b}
    for one in theatre.stage.player.made:
        one.finish()
    assert (await playing).outcome is Outcome.DONE


@in_no_time
@pytest.mark.parametrize(("who", "leg"), [("a", "both"), ("b", "both"), ("b", "peer")])
async def test_F74_a_key_of_whoever_hears_it_or_started_it_stops_it_for_all(who: str, leg: str) -> None:
    theatre = Theatre()
    talk = await theatre.open()
    playing = theatre.does("play", id="x", leg=leg)
    await settled()
    getattr(talk, who).press("7")
    assert (await playing).outcome is Outcome.INTERRUPTED
    assert theatre.heard() == {"a": [], "b": []}


@in_no_time
@pytest.mark.parametrize("data", [{}, {"id": "gone"}])
async def test_F75_what_is_missing_is_not_played_and_the_child_runs(data: dict[str, str]) -> None:
    theatre = Theatre()
    theatre.stage.library.missing = {"gone"}
    talk = await theatre.open()
    node = {"module": "play", "data": data, "children": {"_": {"module": "hangup"}}}
    assert (await report_node(talk.call, talk.b, node, theatre.parts)).outcome is Outcome.FAILED
    assert theatre.stage.player.made == []
    assert talk.b.hung_up is not None


@in_no_time
async def test_a_call_that_ends_takes_its_sounds_along() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    playing = theatre.does("play", id="x", endless_playback=True)
    await settled()
    assert [one.loop for one in theatre.stage.player.made] == [True, True]
    talk.a.hangs_up()
    assert (await playing).outcome is Outcome.CANCELLED
    assert theatre.heard() == {"a": [], "b": []}


@in_no_time
async def test_F69_break_stops_the_newest_sound_of_who_typed_and_does_not_wait_for_it() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    theatre.stage.player.start(talk.call, talk.b, Sound(Path("old"), 9.0))
    speaking = theatre.does("tts", text="new", terminators=[])
    await settled()
    talk.b.press("*5")
    await settled()
    assert (await speaking).outcome is Outcome.INTERRUPTED
    assert theatre.heard()["b"] == ["old"]
    assert (await theatre.does("break")).outcome is Outcome.DONE
    assert (await theatre.does("break")).reason == "nothing is being played to this leg"


@in_no_time
async def test_F77_tts_speaks_to_whom_it_is_for_and_ends_by_its_own_keys_only() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    words = {"text": "hi", "voice": "male", "language": "en-gb", "engine": "mine"}
    speaking = theatre.does("tts", **words, leg="peer", terminators=["#"])
    await settled()
    assert theatre.heard() == {"a": ["hi"], "b": []}
    talk.a.press("1")
    await settled()
    assert not speaking.done()
    talk.a.press("#")
    assert (await speaking).outcome is Outcome.INTERRUPTED
    assert theatre.speech.asked == [("hi", "en-gb", "male", "mine")]
    assert (await theatre.does("tts", text="mute")).outcome is Outcome.FAILED


@in_no_time
async def test_F76_B17_say_spells_by_default_to_who_typed() -> None:
    theatre = Theatre()
    await theatre.open()
    saying = theatre.does("say", text="Bo7")
    await settled()
    assert theatre.heard() == {"a": [], "b": ["B, O, seven"]}
    theatre.stage.player.made[-1].finish()
    assert (await saying).outcome is Outcome.DONE
    refused = await theatre.does("say", text="4111111111111111", type="currency")
    assert refused.outcome is Outcome.FAILED
    assert "4111" not in refused.reason


@in_no_time
async def test_F78_B17_levels_are_those_of_who_typed_and_stay_with_the_leg() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    a, b, mixer = talk.a, talk.b, theatre.stage.mixer
    assert (await theatre.does("audio_level", action="start", mode="read", level=-2)).outcome is Outcome.DONE
    assert mixer.levels[b.port, a.port] == pytest.approx(10 ** (-6 / 20))
    assert mixer.levels[a.port, b.port] == 1.0
    await theatre.does("audio_level", action="start", mode="write", level=-4)
    assert mixer.levels[a.port, b.port] == 0.0
    await theatre.does("audio_level", action="stop", mode="write")
    assert (mixer.levels[a.port, b.port], mixer.levels[b.port, a.port]) == (1.0, pytest.approx(10 ** (-6 / 20)))
    await theatre.does("audio_level", action="stop")
    assert mixer.levels[b.port, a.port] == 1.0
    for missing in ({"action": "start", "mode": "read"}, {"level": 1, "mode": "read"}, {"action": "start", "level": 1}):
        assert (await theatre.does("audio_level", **missing)).outcome is Outcome.FAILED


@in_no_time
@pytest.mark.parametrize(("data", "leg", "change"), [
    ({"pitch": 1.5}, "b", (1.5, 1.0)), ({"tempo": 2.0}, "b", (1.0, 0.5)), ({"rate": 2.0}, "b", (2.0, 0.5)),
    ({"adjust_in_octaves": -1}, "b", (0.5, 1.0)), ({"adjust_in_semitones": 12, "sending_leg": True}, "a", (2.0, 1.0))])
async def test_F79_sound_touch_and_its_keys(data: dict[str, Any], leg: str, change: tuple[float, float]) -> None:
    theatre = Theatre()
    talk = await theatre.open()
    assert (await theatre.does("sound_touch", action="start", **data)).outcome is Outcome.DONE
    assert theatre.voices.now == {getattr(talk, leg).id: change}
    assert (await theatre.does("sound_touch", action="stop")).outcome is Outcome.DONE
    assert theatre.voices.now == {}


@in_no_time
async def test_F79_keys_change_the_pitch_while_it_is_hooked_to_them() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    await theatre.does("sound_touch", action="start", hook_dtmf=True)
    for key, pitch in (("3", 2 ** (1 / 12)), ("3", 2 ** (2 / 12)), ("1", 2 ** (1 / 12)), ("2", 1.0)):
        talk.b.press(key)
        await settled()
        assert theatre.voices.now[talk.b.id][0] == pytest.approx(pitch, abs=0.001)
    await theatre.does("sound_touch", action="stop")
    talk.b.press("3")
    await settled()
    assert theatre.voices.now == {}
    assert (await theatre.does("sound_touch", action="start", pitch=5)).outcome is Outcome.FAILED
    assert (await theatre.does("sound_touch")).outcome is Outcome.FAILED


@in_no_time
async def test_F79_keys_count_once_however_often_it_was_started_and_not_without_the_hook() -> None:
    theatre = Theatre()
    talk = await theatre.open()
    for _ in range(3):
        await theatre.does("sound_touch", action="start", hook_dtmf=True)
    talk.b.press("3")
    await settled()
    assert theatre.voices.now[talk.b.id][0] == pytest.approx(2 ** (1 / 12), abs=0.001)
    await theatre.does("sound_touch", action="stop")
    await theatre.does("sound_touch", action="start", pitch=1.5)
    talk.b.press("3")
    await settled()
    assert theatre.voices.now[talk.b.id][0] == 1.5


@in_no_time
async def test_one_leg_cannot_take_all_that_can_be_played() -> None:
    theatre = Theatre()
    await theatre.open()
    playing = [asyncio.ensure_future(theatre.does("play", id="x")) for _ in range(SOUNDS_MAX)]
    await settled()
    refused = await theatre.does("play", id="x")
    assert (refused.outcome, len(theatre.stage.player.made)) == (Outcome.FAILED, 2 * SOUNDS_MAX)
    assert "already" in refused.reason
    for one in theatre.stage.player.made:
        one.stop()
    assert {report.outcome for report in await asyncio.gather(*playing)} == {Outcome.INTERRUPTED}


@in_no_time
async def test_what_say_speaks_is_kept_nowhere() -> None:
    theatre = Theatre()
    await theatre.open()
    for module, kept in (("say", False), ("tts", True)):
        task = asyncio.ensure_future(theatre.does(module, text="42"))
        await settled()
        assert theatre.speech.kept[-1] is kept
        theatre.stage.player.made[-1].finish()
        await task


@in_no_time
async def test_play_answers_a_caller_who_is_not_answered_yet_unless_told_not_to() -> None:
    for answer in (True, False):
        theatre = Theatre()
        theatre.talk = await theatre.stage.rings()
        theatre.talk.a.state = LegState.EARLY
        playing = theatre.does("play", id="x", leg="self", answer=answer)
        await settled()
        assert (("answer",) in theatre.talk.a.told) is answer
        playing.cancel()

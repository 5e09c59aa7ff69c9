# SPDX-License-Identifier: GPL-3.0-or-later
"""TwiML, as far as `pivot` speaks it: Say, Play, Pause, Dial, Record, Hangup, Redirect, Reject, Gather. SIP thread.

A document is run verb by verb. A verb with an `action` ends it: what the server answers there is run next.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from xml.etree import ElementTree

from b2bua.metaflows.context import Outcome
from b2bua.metaflows.flow import Flow, FlowError, Redirect, seconds
from b2bua.metaflows.targets import Target, of_endpoint

Element = ElementTree.Element
Verb = Callable[[Flow, Element], Awaitable[None]]

MAX_LOOPS = 50
DIGITS_MAX = 32
GATHER_S = 5.0
RECORD_S = 3600.0
DIAL_S = 30.0
_STATUS = {Outcome.ANSWERED: "completed", Outcome.BUSY: "busy", Outcome.NO_ANSWER: "no-answer"}


def parse(text: str) -> Element:
    """The Response. Raises FlowError naming what it does not know, before anything is run."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FlowError("a TwiML document has no DOCTYPE")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise FlowError(f"the server's answer is no TwiML: {error}") from None
    wrong = [verb.tag for verb in root if verb.tag not in VERBS]
    if root.tag != "Response" or wrong:
        raise FlowError(f"TwiML: <{wrong[0] if wrong else root.tag}> is not known")
    return root


async def run(flow: Flow, root: Element) -> None:
    """Verb by verb. Raises Redirect where it goes on elsewhere."""
    for verb in root:
        if flow.is_over:
            return
        await VERBS[verb.tag](flow, verb)


# -- verbs ----------------------------------------------------------------------------------------------------------


async def _say(flow: Flow, verb: Element) -> None:
    voice = "male" if verb.get("voice") == "man" else "female"
    data = {"text": _text(verb), "voice": voice, **({"language": verb.get("language")} if verb.get("language") else {})}
    await _repeated(flow, verb, "tts", data)


async def _play(flow: Flow, verb: Element) -> None:
    await _repeated(flow, verb, "play", {"id": _text(verb), "leg": "self"})


async def _repeated(flow: Flow, verb: Element, module: str, data: Mapping[str, object]) -> None:
    for _ in range(_count(verb.get("loop"), 1, MAX_LOOPS)):
        report = await flow.do(module, data)
        if report.outcome is not Outcome.DONE:  # a key, or it cannot be played
            return


async def _pause(flow: Flow, verb: Element) -> None:
    await flow.do("sleep", {"duration": verb.get("length", "1")})


async def _dial(flow: Flow, verb: Element) -> None:
    targets = [target for child in verb for target in await _targets(flow, child)]
    if not targets and _text(verb):
        targets = await flow.targets(_text(verb))
    report = await flow.ring(targets, seconds(verb.get("timeout"), DIAL_S))
    if not flow.is_over:
        _go_on(verb, {"DialCallStatus": _STATUS.get(report.outcome, "failed")})


async def _targets(flow: Flow, noun: Element) -> list[Target]:
    """`<Number>`, and `<Client>` for a device or user of the account."""
    if noun.tag == "Number":
        return await flow.targets(_text(noun)) if _text(noun) else []
    if noun.tag != "Client":
        raise FlowError(f"TwiML: <Dial> does not know <{noun.tag}>")
    call, exchange = flow.call, flow.parts.exchange
    endpoint = exchange.directory.by_id(call.account_id or "", _text(noun))
    return of_endpoint(exchange, call, endpoint, [flow.leg.peer], (flow.leg,)) if endpoint is not None else []


async def _record(flow: Flow, verb: Element) -> None:
    limit_s = seconds(verb.get("maxLength"), RECORD_S)
    if (await flow.do("record_call", {"action": "start", "time_limit": round(limit_s)})).outcome is Outcome.STARTED:
        began_s = time.monotonic()
        await flow.collect(1, limit_s, _finishing(verb, "1234567890*#"), only=_finishing(verb, "1234567890*#"))
        await flow.do("record_call", {"action": "stop"})
        _go_on(verb, {"RecordingDuration": str(round(time.monotonic() - began_s))})


async def _gather(flow: Flow, verb: Element) -> None:
    count = _count(verb.get("numDigits"), DIGITS_MAX, DIGITS_MAX)
    digits = await flow.collect(count, seconds(verb.get("timeout"), GATHER_S), _finishing(verb, "#"),
                                prompt=lambda: run(flow, _prompts(verb)))
    if digits:
        raise Redirect(verb.get("action", ""), verb.get("method", "POST"), {"Digits": digits})


def _prompts(verb: Element) -> Element:
    """What is heard while the digits are typed."""
    wrong = [child.tag for child in verb if child.tag not in ("Say", "Play", "Pause")]
    if wrong:
        raise FlowError(f"TwiML: <{wrong[0]}> cannot stand in <{verb.tag}>")
    return verb


async def _redirect(flow: Flow, verb: Element) -> None:
    raise Redirect(_text(verb), verb.get("method", "POST"))


async def _hangup(flow: Flow, verb: Element) -> None:
    await flow.do("hangup", {})


async def _reject(flow: Flow, verb: Element) -> None:
    await flow.do("response", {"code": 486 if verb.get("reason") == "busy" else 603})


VERBS: Mapping[str, Verb] = {
    "Say": _say, "Play": _play, "Pause": _pause, "Dial": _dial, "Record": _record, "Gather": _gather,
    "Redirect": _redirect, "Hangup": _hangup, "Reject": _reject}


def _go_on(verb: Element, fields: Mapping[str, str]) -> None:
    """At the verb's `action`, where it has one."""
    if verb.get("action"):
        raise Redirect(verb.get("action", ""), verb.get("method", "POST"), fields)


def _text(verb: Element) -> str:
    return " ".join((verb.text or "").split())


def _finishing(verb: Element, default: str) -> str:
    return verb.get("finishOnKey", default)


def _count(value: str | None, default: int, limit: int) -> int:
    return min(int(value), limit) if value and value.isdecimal() and int(value) > 0 else \
        limit if value == "0" else default

# SPDX-License-Identifier: GPL-3.0-or-later
"""A flow that has the caller's leg for itself: what `callflow` and `pivot` run on it. SIP thread.

The other party is released when the flow begins. It ends when somebody has answered what it rang (they talk, the call
goes on), or when it has nothing more to do (the caller is released), or with the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from b2bua.calls import reason as reasons
from b2bua.calls.leg import Ended, Leg, LegEvent, Pressed
from b2bua.calls.reason import EndReason
from b2bua.calls.sounds import Tune
from b2bua.metaflows.announce import KEYS
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.holding import Alone
from b2bua.metaflows.takeover import RING_S, Takeover
from b2bua.metaflows.targets import Target, of_kind, of_number

MAX_STEPS = 200  # of one flow, redirects included
MAX_SLEEP_S = 3600.0
MAX_RING_S = 300.0
KEYS_MAX = 64  # typed and not yet read
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
CODES = frozenset(("play", "tts", "say", "record_call"))  # of the codes, run here as they are

Json = Mapping[str, Any]


class FlowError(Exception):
    """The flow cannot be run (any further); the text says why."""


class Redirect(Exception):  # noqa: N818 - it is where the flow goes on, no error
    """The flow goes on with what a web server answers there."""

    def __init__(self, url: str, method: str = "GET", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(url)
        self.url, self.method, self.fields = url, method.upper(), fields or {}


class Flow:
    """One flow on the leg that goes on alone."""

    def __init__(self, context: Context) -> None:
        call = context.call
        assert call.b is not None
        self.call, self.leg = call, call.a
        self.parts = context.parts
        self.context = replace(Context.of(call, self.leg, context.parts), alone=True)
        self._gone = call.b
        self._alone = Alone(call, context.parts, self.leg)
        self._steps = 0
        self._keys: asyncio.Queue[str] | None = None

    async def run(self, program: Callable[[Flow], Awaitable[None]]) -> Report:
        """`answered` when somebody talks to the caller now; else the caller has been released."""
        with self.call.guarded(self._guard):
            self._alone.begin()
            self._gone.hangup(reasons.TRANSFERRED)
            try:
                await program(self)
            except FlowError as error:
                self.call.publish("flow.failed", leg_id=self.leg.id, reason=str(error))
            if self._alone.taken.is_set() and not self.call.is_over:
                return Report(Outcome.ANSWERED)
            self.call.end(reasons.FLOW_OVER)
            return Report(Outcome.DONE)

    def _guard(self, leg: Leg, event: LegEvent) -> bool:
        """The other party's end is no matter; keys that are waited for are nobody else's."""
        if self._keys is not None and leg is self.leg and isinstance(event, Pressed):
            if self._keys.qsize() < KEYS_MAX:
                self._keys.put_nowait(event.digit.digit)
            return True
        return leg is self._gone and isinstance(event, Ended)

    @property
    def is_over(self) -> bool:
        """Has the caller found somebody, or has the call ended?"""
        return self._alone.taken.is_set() or self.call.is_over

    async def do(self, module: str, data: Json) -> Report:
        """One step. Raises FlowError when there are too many or this one is none."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise FlowError(f"a flow has at most {MAX_STEPS} steps")
        if module == "pivot":
            raise Redirect(str(data.get("voice_url", "")), str(data.get("method", "get")))
        if module in STEPS:
            return await STEPS[module](self, data)
        from b2bua.metaflows.modules import MODULES  # here: two of them run flows
        entry = MODULES.get(module) if module in CODES else None
        if entry is None or entry.run is None:
            raise FlowError(f"a flow has no step {module!r}")
        try:
            return await entry.run(self.context, entry.model.model_validate(dict(data)))
        except ValidationError as error:
            keys = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
            raise FlowError(f"{module}: unusable data: {keys}") from None

    async def collect(self, count: int, pause_s: float, finish: str, *, only: str = KEYS,
                      prompt: Callable[[], Awaitable[None]] | None = None) -> str:
        """What the caller types: at most `count` keys of `only`, until one of `finish`, or a pause. No code hears them.

        prompt  is heard until the first key; the pause begins after it
        """
        keys, digits = asyncio.Queue[str](), ""
        self._keys = keys
        heard = asyncio.ensure_future(prompt()) if prompt is not None else None
        next_key = asyncio.ensure_future(keys.get())
        try:
            while len(digits) < count:
                if heard is not None and not digits:
                    await asyncio.wait((heard, next_key), return_when=asyncio.FIRST_COMPLETED)
                    if heard.done():
                        heard.result()  # what the prompt raises is raised here
                async with asyncio.timeout(pause_s):
                    key = await next_key
                next_key = asyncio.ensure_future(keys.get())
                if key in finish:
                    break
                digits += key if key in only else ""
        except TimeoutError:
            pass
        finally:
            self._keys = None
            next_key.cancel()
            if heard is not None:
                heard.cancel()
        return digits

    async def targets(self, number: str) -> list[Target]:
        """Where a number is, if it may be called; [] where it is nowhere. Raises FlowError."""
        refusal = await self.parts.permit.refusal(self.call, self.leg, number)
        if refusal is not None:
            raise FlowError(refusal)
        return of_number(self.context, number, (self.leg,))

    async def ring(self, targets: list[Target], ring_s: float) -> Report:
        """Ring somebody, who then talks to the caller, who hears it ring."""
        player, library = self.parts.player, self.parts.library
        tone = player.start(self.call, self.leg, library.tune(Tune.RINGBACK), loop=True) \
            if player is not None and library is not None else None
        try:
            return await Takeover(self.call, self.parts, self._gone, targets, ring_s=ring_s).guarded()
        finally:
            if tone is not None:
                tone.stop()


# -- steps of flows alone -----------------------------------------------------------------------------------------


async def _kind(flow: Flow, data: Json, kind: str) -> Report:
    return await flow.ring(of_kind(flow.context, kind, str(data.get("id", ""))), seconds(data.get("timeout"), RING_S))


async def _number(flow: Flow, data: Json) -> Report:
    """`transfer` and `callflow` name it differently."""
    captures = data.get("captures") or ()
    first = captures[0] if isinstance(captures, list) else captures
    number = str(data.get("number") or data.get("target") or data.get("id") or first or "")
    if not number:
        raise FlowError("there is no number to go on at")
    return await flow.ring(await flow.targets(number), seconds(data.get("timeout"), RING_S))


async def _sleep(flow: Flow, data: Json) -> Report:
    unit_s = UNITS_S.get(str(data.get("unit", "s")), 1.0)
    await asyncio.sleep(min(seconds(data.get("duration"), 0.0) * unit_s, MAX_SLEEP_S))
    return Report(Outcome.DONE)


async def _hangup(flow: Flow, data: Json) -> Report:
    flow.call.end(reasons.METAFLOW_HANGUP)
    return Report(Outcome.DONE)


async def _response(flow: Flow, data: Json) -> Report:
    """To a call that has been answered it can only be its reason."""
    code = data.get("code")
    code = code if isinstance(code, int) and 400 <= code < 700 else 486
    text = str(data.get("message") or "rejected by a flow").replace('"', "'")[:80]
    flow.call.end(EndReason.from_code(code, text).because(f'SIP;cause={code};text="{_plain(text)}"'))
    return Report(Outcome.DONE)


STEPS: dict[str, Callable[[Flow, Json], Awaitable[Report]]] = {
    "device": lambda flow, data: _kind(flow, data, "device"), "user": lambda flow, data: _kind(flow, data, "user"),
    "number": _number, "transfer": _number, "callflow": _number, "sleep": _sleep, "hangup": _hangup,
    "response": _response,
}


def seconds(value: Any, default: float) -> float:
    """A time that somebody else has written: the default where it is none, and never endless."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return default
    return min(found, MAX_RING_S) if found > 0 else default


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() and char.isascii() and char != "\\" else "?" for char in text)


# -- KAZOO's callflows --------------------------------------------------------------------------------------------


def tree(node: Any, more: frozenset[str] = frozenset()) -> Callable[[Flow], Awaitable[None]]:
    """The program of an inline flow: `{module, data, children}`, or a list of them. more: further steps it may have.

    Raises FlowError before anything is done.
    """
    nodes = node if isinstance(node, list) else [node]
    for one in nodes:
        _check(one, STEPS.keys() | CODES | more, 0)

    async def program(flow: Flow) -> None:
        for one in nodes:
            await _walk(flow, one)
    return program


async def _walk(flow: Flow, node: Json | None) -> None:
    while node is not None and not flow.is_over:
        report = await flow.do(node["module"], node.get("data") or {})
        children = node.get("children") or {}
        node = children.get(report.outcome.value) or children.get("_")


def _check(node: Any, known: frozenset[str] | set[str], depth: int) -> None:
    if not isinstance(node, Mapping) or not isinstance(node.get("module"), str) or depth > MAX_STEPS:
        raise FlowError("a flow is made of nodes with a module, data and children")
    if node["module"] not in known:
        raise FlowError(f"a flow has no step {node['module']!r}")
    for key in ("data", "children"):
        if not isinstance(node.get(key) or {}, Mapping):
            raise FlowError(f"{key} of {node['module']} is no object")
    for child in (node.get("children") or {}).values():
        _check(child, known, depth + 1)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a leg or a call ended: said once, used by the SIP answer, the log and the metric alike. Pure; any thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Result(StrEnum):
    """The closed set of outcomes of a call; the only label metrics may carry."""

    COMPLETED = "completed"  # it was answered and then ended by a party
    CANCELLED = "cancelled"  # the caller gave up before the answer
    BUSY = "busy"
    NO_ANSWER = "noanswer"
    REFUSED = "refused"  # the other side said no, or we have no route
    FAILED = "failed"  # an error on either side or between
    SHUTDOWN = "shutdown"  # this process ended it


_BY_CODE = {
    486: Result.BUSY, 600: Result.BUSY,
    408: Result.NO_ANSWER, 480: Result.NO_ANSWER,
    487: Result.CANCELLED,
    403: Result.REFUSED, 404: Result.REFUSED, 484: Result.REFUSED, 603: Result.REFUSED, 604: Result.REFUSED,
}


@dataclass(frozen=True, slots=True)
class EndReason:
    """One end.

    code      SIP status code; 200 for an ordinary end by BYE
    text      for people: which leg, what happened
    header    the Reason header (RFC 3326) to pass on, without its name, or None
    headers   further fields of a final answer that the other side needs: challenges, Contact of a 3xx, Retry-After
    """

    code: int
    text: str
    result: Result
    header: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_code(cls, code: int, text: str, header: str | None = None) -> EndReason:
        """Classify a final SIP code."""
        if 200 <= code < 300:
            return cls(code, text, Result.COMPLETED, header)
        return cls(code, text, _BY_CODE.get(code, Result.FAILED), header)

    def with_headers(self, headers: tuple[tuple[str, str], ...]) -> EndReason:
        """The same end with fields for the other side."""
        return replace(self, headers=headers)

    def because(self, header: str) -> EndReason:
        """The same end with a Reason header of ours, unless it has one."""
        return self if self.header else replace(self, header=header)


HANGUP = EndReason(200, "the other party hung up", Result.COMPLETED)
SHUTDOWN = EndReason(503, "the service is stopping", Result.SHUTDOWN, 'SIP;cause=503;text="service stopping"')
RING_TIMEOUT = EndReason(408, "no answer in time", Result.NO_ANSWER, 'SIP;cause=408;text="ring timeout"')
EXPIRED = EndReason(487, "the INVITE has expired", Result.NO_ANSWER, 'SIP;cause=487;text="INVITE expired"')
NO_ROUTE = EndReason(404, "no route for this number", Result.REFUSED)
METAFLOW_HANGUP = EndReason(200, "metaflow hangup", Result.COMPLETED, 'SIP;cause=200;text="metaflow hangup"')
TRANSFERRED = EndReason(200, "transferred", Result.COMPLETED, 'SIP;cause=200;text="transferred"')
ELSEWHERE = EndReason(487, "answered elsewhere", Result.CANCELLED,
                      'SIP;cause=200;text="Call completed elsewhere"')  # RFC 3326 §2, for the branches that lost
PARKED = EndReason(200, "parked", Result.COMPLETED, 'SIP;cause=200;text="parked"')
PARKED_TOO_LONG = EndReason(480, "parked, and nobody came", Result.NO_ANSWER, 'SIP;cause=480;text="nobody came"')
FLOW_OVER = EndReason(200, "the flow is over", Result.COMPLETED, 'SIP;cause=200;text="flow over"')
BUG = EndReason(500, "internal error in this call", Result.FAILED, 'SIP;cause=500;text="internal error"')

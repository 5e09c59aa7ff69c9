# SPDX-License-Identifier: GPL-3.0-or-later
"""pivot: ask a web server what to do with the call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Literal

from pydantic import Field

from b2bua.calls.call import Call, CallState
from b2bua.metaflows.context import Context, Outcome, Report
from b2bua.metaflows.flow import Flow, FlowError
from b2bua.metaflows.model import Data, client_url
from b2bua.metaflows.scripts import Answer, Script, ScriptError, Scripts

DEBUG_MAX = 2000  # characters of an answer in an event


class Pivot(Data):
    """Fetch a flow from a web server and run it."""

    cdr_url: str | None = Field(None, pattern="^https?://", description="where to report the end of the call")
    debug: bool = Field(False, description="tell what was answered, by the event pivot.fetched")
    method: Literal["get", "post", "GET", "POST"] = Field("get", description="HTTP method")
    req_format: Literal["kazoo", "twiml"] = Field("kazoo", description="which language the server speaks")
    voice_url: str = client_url(..., pattern="^https?://", description="what to fetch")


async def run(context: Context, data: Pivot) -> Report:
    """The two stay together until a flow is there that can be run; then it has the caller for itself."""
    call, scripts = context.call, context.parts.scripts
    if scripts is None:
        return Report(Outcome.UNAVAILABLE, "no web server can be asked")
    about = about_call(call) if data.req_format == "kazoo" else about_twiml(call)
    script = Script(scripts, call.account_id, data.voice_url, data.method.upper(), about,
                    partial(_debug, call) if data.debug else None)
    try:
        await script.fetch({})
    except (ScriptError, FlowError) as error:
        return Report(Outcome.FAILED, str(error))
    if call.state is not CallState.TALKING or call.b is None or call.is_guarded:
        return Report(Outcome.FAILED, "the parties are being moved already")
    if data.cdr_url is not None:
        call.on_ended(partial(_tell_end, scripts, data.cdr_url))
    return await Flow(context).run(script.program)


def _debug(call: Call, method: str, url: str, answer: Answer) -> None:
    """What was answered, for `debug`; never what was asked, which may hold digits."""
    call.publish("pivot.fetched", leg_id=call.a.id, method=method, url=url.partition("?")[0],
                 is_xml=answer.is_xml, answer=answer.text[:DEBUG_MAX])


def about_call(call: Call) -> Mapping[str, str]:
    """KAZOO's request fields."""
    caller = call.invite.caller
    realm = caller.uri.partition("@")[2].partition(";")[0]
    endpoint = call.a.endpoint
    return {"Call-ID": call.a.id, "Account-ID": call.account_id or "", "From": caller.user, "From-Realm": realm,
            "To": call.invite.number, "To-Realm": realm, "Request": f"{call.invite.number}@{realm}",
            "Request-User": call.invite.number, "Request-Realm": realm, "Call-Status": "answered",
            "Api-Version": "2015-03-01", "Direction": "inbound", "Caller-ID-Name": caller.display,
            "Caller-ID-Number": caller.user, "User-ID": (endpoint.owner_id or "") if endpoint is not None else ""}


def about_twiml(call: Call) -> Mapping[str, str]:
    """The same in the words of TwiML."""
    return {"CallSid": call.a.id, "AccountSid": call.account_id or "", "From": call.invite.caller.user,
            "To": call.invite.number, "CallStatus": "in-progress", "ApiVersion": "2010-04-01", "Direction": "inbound",
            "CallerName": call.invite.caller.display}


def _tell_end(scripts: Scripts, url: str, call: Call) -> None:
    reason = call.reason
    scripts.tell(call.account_id, url, {**about_call(call), "Call-Status": "completed", "Duration-Seconds":
                       str(round(time.monotonic() - call.began_s)), "Hangup-Code": str(reason.code if reason else 200)})

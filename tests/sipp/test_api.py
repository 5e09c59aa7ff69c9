# SPDX-License-Identifier: GPL-3.0-or-later
"""The API on calls that are live: what it shows of them, and what it does to them."""

from __future__ import annotations

import pytest

from tests.peers.messages import find
from tests.peers.rest import Rest
from tests.sipp.conftest import Stage

RECORD = {"module": "record_call", "data": {"action": "start", "format": "wav"}}


@pytest.fixture
def rest(stage: Stage) -> Rest:
    """The account's API."""
    return Rest(stage.sidecar)


def test_F109_F111_a_tree_runs_on_a_call_without_metaflows_and_F107_hangs_it_up(stage: Stage, rest: Rest) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-bye-from-pbx", service="1999")  # nobody's number
    caller.sipp.wait_message("ACK")
    legs = rest.ask("GET", "/channels")["data"]
    assert {leg["direction"] for leg in legs} == {"inbound", "outbound"}
    leg = next(leg for leg in legs if leg["direction"] == "outbound")
    assert (leg["answered"], leg["to"], leg["codec"], leg["path"]) == (True, "1999", "pcmu/8000", "relay")
    assert leg["other_leg_call_id"] == next(one["uuid"] for one in legs if one is not leg)
    assert leg["authorizing_id"] is None
    path = f"/channels/{leg['uuid']}"
    assert rest.ask("GET", path)["data"]["uuid"] == leg["uuid"]
    with rest.events("metaflow.*,recording.*") as told:
        assert rest.ask("PUT", path, {"action": "metaflow", **RECORD, "children": {"_": {
            "module": "hangup"}}})["data"] == "metaflow sent"
        told.wait("metaflow.ended", 2)
        assert [fields["module"] for fields in told.named("metaflow.started")] == ["record_call", "hangup"]
    assert find(caller.finish(), "BYE")
    device.finish()


def test_F107_post_hangup_ends_the_call(stage: Stage, rest: Rest) -> None:
    device = stage.device()
    caller = stage.caller("caller-answered-expect-bye-from-pbx", service="1999")
    caller.sipp.wait_message("ACK")
    (leg,) = [leg for leg in rest.ask("GET", "/channels")["data"] if leg["direction"] == "inbound"]
    assert rest.ask("POST", f"/channels/{leg['uuid']}", {"action": "hangup"})["data"] == "hangup initiated"
    caller.finish()
    device.finish()
    assert rest.ask("GET", "/channels")["data"] == []

# SPDX-License-Identifier: GPL-3.0-or-later
"""A far end loses its power in the middle of a transfer: within the ring time or media.timeout_s (4 s here, and a sixth
more) whoever is left talks or is released, and no leg is left over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from b2bua.metaflows.modules.attended_table import Happens, State
from tests.sipp.conftest import Stage
from tests.sipp.test_attended import BEFORE, GONE, Trio, switched_on

TOGETHER: dict[str, Any] = {"transferor": {"transferee"}, "transferee": {"transferor"}}
JOINED: dict[str, Any] = {"transferee": {"target"}, "target": {"transferee"}}
KEPT: dict[str, Any] = {"transferor": {"target"}, "target": {"transferor"}}


@pytest.mark.parametrize(("way", "dies", "left"), [
    ([], "target", TOGETHER),
    ([], "transferee", {"transferor": GONE}),
    ([Happens.ANSWERED], "target", TOGETHER),
    ([Happens.ANSWERED], "transferor", JOINED),
    ([Happens.ANSWERED], "transferee", KEPT),
    ([Happens.TRANSFEROR_ENDS], "target", {"transferee": GONE}),
    ([Happens.ANSWERED, Happens.MERGE], "target", TOGETHER),
    ([Happens.ANSWERED, Happens.MERGE], "transferor", JOINED),
    ([Happens.ANSWERED, Happens.MERGE], "transferee", KEPT),
])
def test_who_is_left_talks_or_is_released(impatient_stage: Stage, tmp_path: Path, way: list[Happens], dies: str,
                                          left: dict[str, Any]) -> None:
    stage = impatient_stage
    with switched_on(stage.ports) as phones:
        trio = Trio(stage, tmp_path, phones, patience_s=12)
        trio.begin()
        for event in way:
            trio.comes(event, State.RINGING)
            trio.settles(BEFORE[event])
        phones[dies].kill()
        trio.settles(left)
        for name in left:
            phones[name].hang_up_all()
        stage.sidecar.wait_metric("b2bua_legs", 0, 40)

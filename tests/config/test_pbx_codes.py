# SPDX-License-Identifier: GPL-3.0-or-later
"""The codes of the PBX that the checker should know."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.settings import Metaflows


def test_E3_codes_of_the_pbx_are_digits() -> None:
    assert Metaflows(pbx_codes=("*98", "##", "A1")).pbx_codes == ("*98", "##", "A1")


@pytest.mark.parametrize("code", ["", "*9x", "98 "])
def test_E3_anything_else_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is not made of the digits"):
        Metaflows(pbx_codes=(code,))

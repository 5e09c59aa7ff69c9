# SPDX-License-Identifier: GPL-3.0-or-later
"""sipp-scenarios/README.md is true: it names every scenario, and only scenarios and tests that exist."""

from __future__ import annotations

import re

from tests.docs import ROOT

SCENARIOS = ROOT / "sipp-scenarios"
README = (SCENARIOS / "README.md").read_text(encoding="utf-8")


def test_every_scenario_has_a_row_that_says_what_it_proves() -> None:
    files = {file.name for file in SCENARIOS.glob("*.xml")}
    rows = re.findall(r"^\| `([^`]+\.xml)` \| \S", README, re.M)
    assert sorted(rows) == sorted(files)


def test_a_scenario_is_named_as_its_file() -> None:
    for file in SCENARIOS.glob("*.xml"):
        text = file.read_text(encoding="utf-8")
        assert f'<scenario name="{file.stem}">' in text
        assert re.fullmatch(r"(caller|pbx)-[a-z0-9-]+", file.stem)


def test_the_table_of_moving_people_names_scenarios_and_tests_that_exist() -> None:
    rows = re.findall(r"^\| .+ \| (?:caller|called|both|REST) \| .+ \| (.+) \| `(test_\w+\.py)` `(test_\w+)` \|$",
                      README, re.M)
    assert len(rows) > 30
    for ends, file, test in rows:
        for scenario in re.findall(r"`([^`]+)`", ends):
            assert (SCENARIOS / f"{scenario}.xml").is_file(), scenario
        assert f"def {test}(" in (ROOT / "tests" / "sipp" / file).read_text(encoding="utf-8"), test

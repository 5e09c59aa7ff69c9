# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand-made wheel is one that installers accept."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from b2bua.native import wheel


def test_record_names_every_file_with_its_digest(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "pjsua2.py").write_text("x = 1\n")
    path = wheel.pack(modules, tmp_path, "2.17+kabc")
    assert path.name == f"pjsua2-2.17+kabc-{wheel.tag()}.whl"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}, "readable by every user"
        record = archive.read("pjsua2-2.17+kabc.dist-info/RECORD").decode().splitlines()
        assert {line.split(",")[0] for line in record} == set(names)
        digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
        assert f"pjsua2.py,sha256={digest},6" in record
        assert f"Tag: {wheel.tag()}" in archive.read("pjsua2-2.17+kabc.dist-info/WHEEL").decode()

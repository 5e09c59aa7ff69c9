# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a folder of modules as a wheel (PEP 427): a zip with metadata and checksums.

By hand because setuptools may be absent when this runs, and there is nothing left to compile.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip's first date: the same input gives the same wheel
READABLE = 0o100644

METADATA = """\
Metadata-Version: 2.1
Name: pjsua2
Version: {version}
Summary: PJSIP's pjsua2 for Python with the native parts of metaflow-b2bua
License: GPL-3.0-or-later
Requires-Python: =={python}.*
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: metaflow-b2bua
Root-Is-Purelib: false
Tag: {tag}
"""


def tag() -> str:
    """Compatibility tag of this interpreter on this machine, such as cp311-cp311-linux_x86_64."""
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{python}-{python}{sys.abiflags}-{platform}"


def pack(modules: Path, target: Path, version: str) -> Path:
    """Write `target`/pjsua2-<version>-<tag>.whl from the files in `modules`; return its path."""
    path = target / f"pjsua2-{version}-{tag()}.whl"
    info = f"pjsua2-{version}.dist-info"
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    files = {item.name: item.read_bytes() for item in sorted(modules.iterdir()) if item.is_file()}
    files[f"{info}/METADATA"] = METADATA.format(version=version, python=python).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag()).encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    record.append(f"{info}/RECORD,,")
    files[f"{info}/RECORD"] = ("\n".join(record) + "\n").encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = READABLE << 16  # the upper half holds the file mode; the default is owner only
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

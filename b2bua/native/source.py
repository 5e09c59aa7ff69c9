# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pjproject source comes from.

A tarball named by PJPROJECT_TARBALL wins (the upstream release, or Debian's component file). Otherwise apt fetches the
Debian source package that carries pjproject as a component, from the mirror this system already uses: no address is
written down here, and apt checks signature and checksums. Works without root. Standard library only: it runs before
the virtual environment has anything.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

PJ_VERSION = "2.17"  # what the additions and config_site.h were written against; a different source only warns
SOURCE_PACKAGE = "asterisk"  # Debian's carrier of pjproject, as its component `orig-Xpjproject`
SUITE = "sid"
COMPONENT_GLOB = "*.orig-Xpjproject.tar.*"
KEYRINGS = tuple(
    f"/usr/share/keyrings/debian-archive-keyring.{kind}" for kind in ("pgp", "gpg")  # Debian 13, Debian 12
)

Run = Callable[..., str]
"""Runs a command, output to the log: run(argv, cwd=...) -> standard output; raises BuildError."""


class SourceError(Exception):
    """The source cannot be had; the text says what the operator can do."""


class Mirror(NamedTuple):
    """One entry of apt's configuration."""

    uri: str
    suites: list[str]
    components: list[str]
    keyring: str  # "" when the entry names none


def obtain(work: Path, run: Run) -> Path:
    """Unpack pjproject below `work` and return its root folder.

    raises  SourceError when there is no tarball, no mirror, or no pjproject in it
    """
    given = os.environ.get("PJPROJECT_TARBALL", "")
    if given and not Path(given).is_file():
        raise SourceError(f"PJPROJECT_TARBALL={given}: no such file")
    tarball = Path(given) if given else fetch_with_apt(work, run)
    return unpack(tarball, work / "src")


def unpack(tarball: Path, target: Path) -> Path:
    """Unpack a .tar.gz, .tar.bz2 or .tar.xz that holds one folder; return that folder."""
    target.mkdir()
    with tarfile.open(tarball) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(target, filter="data")
        else:
            archive.extractall(target)  # Python before 3.11.4; the file is checked by apt or given by the operator
    roots = [path.parent for path in target.glob("*/aconfigure")]
    if len(roots) != 1:
        raise SourceError(f"{tarball.name} does not hold one pjproject source tree")
    return roots[0]


def version(root: Path) -> str:
    """Version of an unpacked tree, such as "2.17", from version.mak."""
    text = (root / "version.mak").read_text()
    parts: dict[str, str] = dict(re.findall(r"PJ_VERSION_(\w+) *:= *(\S*)", text))
    number = ".".join(part for part in (parts["MAJOR"], parts["MINOR"], parts.get("REV", "")) if part)
    return number + parts.get("SUFFIX", "")


def fetch_with_apt(work: Path, run: Run) -> Path:
    """Let apt download the Debian source package into `work`; return pjproject's component file."""
    apt = work / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "sources.list").write_text(sources_line(debian_mirror()))
    options = [
        f"Dir::Etc::SourceList={apt}/sources.list",
        "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State::Lists={apt}/lists",
        f"Dir::Cache={apt}/cache",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",  # the private folders are ours, not the _apt user's
        "Acquire::Languages=none",
        "Acquire::Retries=3",
    ]
    base = ["apt-get", "-q", *(word for option in options for word in ("-o", option))]
    run([*base, "update"], cwd=work)
    run([*base, "source", "--download-only", SOURCE_PACKAGE], cwd=work)
    found = sorted(work.glob(COMPONENT_GLOB))
    if not found:
        raise SourceError(f"the source package {SOURCE_PACKAGE} in {SUITE} carries no pjproject any more")
    return found[-1]


def sources_line(mirror: Mirror) -> str:
    """The one line of a private sources.list."""
    keyring = next((path for path in (mirror.keyring, *KEYRINGS) if path and Path(path).is_file()), "")
    if not keyring:
        raise SourceError("no Debian archive keyring: install debian-archive-keyring")
    return f"deb-src [signed-by={keyring}] {mirror.uri} {SUITE} main\n"


def debian_mirror(etc_apt: Path = Path("/etc/apt")) -> Mirror:
    """The configured mirror of Debian proper: not of security updates, not of another vendor.

    raises  SourceError when apt's configuration names none
    """
    codename = _codename()
    entries = [*_deb822_entries(etc_apt), *_one_line_entries(etc_apt)]
    for entry in entries:
        of_debian = "debian-archive" in entry.keyring or (not entry.keyring and codename in entry.suites)
        security = all("security" in suite for suite in entry.suites)
        if of_debian and not security and "main" in entry.components:
            return entry
    raise SourceError("apt's configuration names no Debian mirror")


def _codename() -> str:
    text = Path("/etc/os-release").read_text() if Path("/etc/os-release").is_file() else ""
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.MULTILINE)
    return found.group(1) if found else "sid"


def _deb822_entries(etc_apt: Path) -> Iterator[Mirror]:
    """sources.list.d/*.sources, one entry per stanza."""
    for path in sorted(etc_apt.glob("sources.list.d/*.sources")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        for stanza in re.split(r"\n[ \t]*\n", "\n".join(lines)):
            fields = {key.lower(): value.split() for key, value in re.findall(r"(?m)^([\w-]+):[ \t]*(.*)$", stanza)}
            if fields.get("uris") and fields.get("enabled") != ["no"]:
                signed = fields.get("signed-by") or [""]
                yield Mirror(fields["uris"][0], fields.get("suites", []), fields.get("components", []), signed[0])


def _one_line_entries(etc_apt: Path) -> Iterator[Mirror]:
    """sources.list and sources.list.d/*.list."""
    pattern = re.compile(r"^deb(?:-src)?\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$")
    for path in (etc_apt / "sources.list", *sorted(etc_apt.glob("sources.list.d/*.list"))):
        for line in path.read_text().splitlines() if path.is_file() else ():
            found = pattern.match(line.split("#")[0].strip())
            if found:
                signed = re.search(r"signed-by=(\S+)", found.group(1) or "", re.IGNORECASE)
                keyring = signed.group(1) if signed else ""
                yield Mirror(found.group(2), [found.group(3)], found.group(4).split(), keyring)

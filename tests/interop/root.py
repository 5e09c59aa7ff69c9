# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian sid folder with Asterisk in it: `python -m tests.interop.root` makes it once and prints its path.

It lies in the cache ($B2BUA_CACHE, default ~/.cache/metaflow-b2bua), comes from the mirror that apt already uses here,
and nothing of it touches the system: no package installed, no service, no user. Needs root and debootstrap.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from b2bua.native.build import cache_folder
from b2bua.native.source import SUITE, SourceError, debian_mirror

PACKAGES = ("asterisk",)  # brings its modules and the English prompts
READY = "asterisk.version"  # written last: what `asterisk -V` said
NO_SERVICES = "#!/bin/sh\nexit 101\n"  # policy-rc.d: packages start nothing


class UnavailableError(Exception):
    """There can be no Asterisk here; the text says what is missing."""


def obtain() -> Path:
    """The folder, made first where there is none (some minutes).

    raises  UnavailableError without root, debootstrap or a mirror, or when a step fails
    """
    root = cache_folder() / f"asterisk-{SUITE}"
    if (root / READY).exists():
        return root
    if os.geteuid() != 0:
        raise UnavailableError("Asterisk is started in a chroot: that needs root")
    if shutil.which("debootstrap") is None:
        raise UnavailableError("debootstrap is missing: apt-get install debootstrap")
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / "asterisk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / READY).exists():
            _make(root)
    return root


def _make(root: Path) -> None:
    log = root.with_suffix(".log")
    print(f"making {root}: some minutes; log: {log}", file=sys.stderr, flush=True)
    shutil.rmtree(root, ignore_errors=True)
    with log.open("wb") as out:
        try:
            mirror = debian_mirror()
            keyring = ["--keyring", mirror.keyring] if mirror.keyring else []
            _run(out, "debootstrap", "--variant=minbase", *keyring, SUITE, str(root), mirror.uri)
            policy = root / "usr/sbin/policy-rc.d"
            policy.write_text(NO_SERVICES)
            policy.chmod(0o755)
            _run(out, "chroot", str(root), "apt-get", "-q", "install", "-y", "--no-install-recommends", *PACKAGES)
            _run(out, "chroot", str(root), "apt-get", "-q", "clean")
        except (SourceError, subprocess.CalledProcessError, OSError) as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            raise UnavailableError(f"{error}\n{tail}") from error
    (root / READY).write_text(version(root))


def _run(out: object, *command: str) -> None:
    """In a mount namespace of its own: what is mounted below the folder goes with the command, however it ends."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    subprocess.run(["unshare", "--mount", *command], check=True, stdout=out, stderr=out, stdin=subprocess.DEVNULL,  # type: ignore[call-overload]
                   env=environment)


def version(root: Path) -> str:
    """What `asterisk -V` says."""
    done = subprocess.run(["chroot", str(root), "asterisk", "-V"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> int:
    """Make it, print the path."""
    try:
        root = obtain()
    except UnavailableError as error:
        print(f"no Asterisk here: {error}", file=sys.stderr)
        return 1
    print(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds our PJSIP once and keeps the wheel: `python -m b2bua.native.build` prints the path of a pjsua2 wheel.

The wheel lives in $B2BUA_CACHE (default ~/.cache/metaflow-b2bua) under a key made of everything that goes into it, so
a second call only prints the path. The last line on standard output is the path (or the key, with --print-key);
progress goes to standard error, the tools' output to a log beside the wheel. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from b2bua.native import source, toolchain, wheel

NATIVE = Path(__file__).resolve().parent
INPUTS = ("config_site.h", "*.cpp", "*.hpp", "*.i", "toolchain.py", "wheel.py")
KEY_DIGITS = 16
LOG_TAIL_LINES = 30


class BuildError(Exception):
    """A step failed; the text names it."""


class Log:
    """The build's log file and its clock. Progress lines on standard error, commands and their output in the file."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path = path
        self._stream = stream
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        line = f"pjsua2 [{time.monotonic() - self._began_s:4.0f} s] {text}"
        print(line, file=sys.stderr, flush=True)
        self._write(line)

    def run(self, argv: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
        """Run to the end; return standard output. Raises BuildError when it fails or does not exist."""
        with self.start(argv, cwd, env, stdout=subprocess.PIPE) as process:
            out, _ = process.communicate()
        self._stream.write(out)
        if process.returncode != 0:
            raise BuildError(f"{argv[0]} failed with status {process.returncode}")
        return out.decode(errors="replace")

    def start(
        self, argv: list[str], cwd: Path, env: dict[str, str] | None = None, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start in the background, output to the log unless `stdout` says otherwise."""
        self._write("$ " + " ".join(argv))
        out = self._stream if stdout is None else stdout
        try:
            return subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=self._stream)
        except FileNotFoundError as missing:
            raise BuildError(f"{argv[0]} is not installed") from missing

    def _write(self, text: str) -> None:
        self._stream.write(text.encode() + b"\n")
        self._stream.flush()


def cache_folder() -> Path:
    return Path(os.environ.get("B2BUA_CACHE") or Path.home() / ".cache" / "metaflow-b2bua")


def cache_key() -> str:
    """Hexadecimal digest of all that determines the wheel. Needs no network; reads a given tarball."""
    digest = hashlib.sha256()
    tarball = os.environ.get("PJPROJECT_TARBALL", "")
    if tarball and Path(tarball).is_file():
        digest.update(Path(tarball).read_bytes())
    facts = [source.PJ_VERSION, wheel.tag(), str(sysconfig.get_config_var("SOABI")), *platform.libc_ver()]
    digest.update("\0".join(facts).encode())
    for path in sorted({path for pattern in INPUTS for path in NATIVE.glob(pattern)}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:KEY_DIGITS]


def cached_wheel(cache: Path, key: str) -> Path | None:
    return next(iter(sorted((cache / key).glob("pjsua2-*.whl"))), None)


@contextmanager
def exclusive(cache: Path) -> Iterator[None]:
    """One build at a time in one cache; a second one waits and then finds the wheel."""
    with (cache / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_wheel(cache: Path, key: str, log: Log) -> Path:
    """Fetch, compile, pack; move the result into the cache in one step.

    raises  BuildError also when the sources were edited meanwhile: the wheel would not be what its key says
    """
    work = Path(tempfile.mkdtemp(prefix=f"build-{key}-", dir=cache))
    try:
        log.say("fetch the pjproject source")
        root = source.obtain(work, log.run)
        version = source.version(root)
        if version != source.PJ_VERSION:
            log.say(f"WARNING: this is pjproject {version}; tested with {source.PJ_VERSION}")
        modules, packed = work / "modules", work / "packed"
        modules.mkdir()
        packed.mkdir()
        toolchain.build(root, modules, log.run, log.start, log.say)
        path = wheel.pack(modules, packed, f"{version}+k{key}")  # a letter first: local versions drop leading zeros
        if cache_key() != key:
            raise BuildError("the native sources changed during the build: run it again")
        shutil.rmtree(cache / key, ignore_errors=True)
        os.replace(packed, cache / key)
        log.say("done")
        return cache / key / path.name
    finally:
        shutil.rmtree(work, ignore_errors=True)


def obtain_wheel(cache: Path, key: str) -> Path:
    """The cached wheel, built first when there is none."""
    found = cached_wheel(cache, key)
    if found:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive(cache):
        found = cached_wheel(cache, key)
        if found:
            return found
        path = cache / f"{key}.log"
        with path.open("wb") as stream:
            log = Log(path, stream)
            try:
                return build_wheel(cache, key, log)
            except (BuildError, source.SourceError, RuntimeError, OSError) as error:
                stream.flush()
                explain(error, path)
                raise SystemExit(1) from error


def explain(error: Exception, log: Path) -> None:
    """What failed, the end of the log, and what an operator can do about it."""
    tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    packages = NATIVE / "apt-packages.txt"
    lines = [
        *tail,
        f"pjsua2: the build failed: {error}",
        f"  log:       {log}",
        f"  packages:  apt-get install --no-install-recommends $(cat {packages})",
        f"  source:    PJPROJECT_TARBALL=/path/to/pjproject-{source.PJ_VERSION}.tar.gz builds from a file you have",
    ]
    print("\n".join(lines), file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m b2bua.native.build", description=__doc__)
    parser.add_argument("--print-key", action="store_true", help="print the cache key and stop")
    arguments = parser.parse_args()
    key = cache_key()
    print(key if arguments.print_key else obtain_wheel(cache_folder(), key))


if __name__ == "__main__":
    main()

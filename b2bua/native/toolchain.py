# SPDX-License-Identifier: GPL-3.0-or-later
"""From an unpacked pjproject tree to `pjsua2.py` and `_pjsua2*.so`: configure, make, swig, g++.

Every setting that changes the result is a constant here; build.py puts this file into the cache key.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
INTERFACE = NATIVE / "pjsua2_b2bua.i"
CFLAGS = "-O3 -fPIC -DNDEBUG"
ADDITION_FLAGS = ["-O2", "-g0", "-std=c++14", "-Wall"]
# The wrapper is 160,000 lines of argument checking: -O1 compiles in half the time of -O3 and is not measurably slower.
WRAPPER_FLAGS = ["-O1", "-g0", "-fno-strict-aliasing", "-w"]
SWIG_FLAGS = ["-python", "-c++", "-threads", "-w312"]
CONFIGURE_FLAGS = [
    "--enable-epoll",
    # Debian strips third_party/ from the source: use the system's libraries
    "--with-external-srtp",
    "--with-external-gsm",
    "--with-external-speex",
    # A 16 kHz bridge resamples every 8 kHz leg. 100 of them into taps cost 7.6 % of a core at medConfig.quality 4 (23 %
    # at PJSUA's default of 8); with libsamplerate 50 % (95 %, and the clock missed a third of its ticks).
    "--enable-speex-resample",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
    "--disable-libwebrtc",
    "--disable-libyuv",
    # no sound card, no echo to cancel, no video
    "--disable-sound",
    "--disable-speex-aec",
    "--disable-video",
    "--disable-sdl",
    "--disable-ffmpeg",
    "--disable-v4l2",
    "--disable-openh264",
    "--disable-vpx",
    "--disable-android-mediacodec",
    # codecs and protocols that are not served, so that a library found by chance does not change the result
    "--disable-upnp",
    "--disable-silk",
    "--disable-lyra",
    "--disable-opencore-amr",
]

Run = Callable[..., str]
Say = Callable[[str], None]


def build(root: Path, out: Path, run: Run, start: Callable[..., subprocess.Popen[bytes]], say: Say) -> None:
    """Build the extension module of the tree `root` into the folder `out`.

    run    runs a command to its end, output to the log
    start  starts one in the background, output to the log
    """
    say("configure PJSIP")
    configure(root, run)
    say("compile PJSIP and the Python wrapper (about two minutes on two cores)")
    objects = root / "b2bua-objects"
    objects.mkdir()
    swig(root, objects, out, run)
    flags = helper(root, "cflags", run)
    wrapper = start(compile_command(objects / "wrap.cpp", objects, flags, WRAPPER_FLAGS), cwd=root)
    try:
        run(["make", f"-j{os.cpu_count() or 2}", "lib"], cwd=root)
        for path in additions():
            run(compile_command(path, objects, flags, ADDITION_FLAGS), cwd=root)
    except BaseException:
        wrapper.kill()
        raise
    finally:
        failed = wrapper.wait() != 0
    if failed:
        raise RuntimeError("the compiler failed on the Python wrapper")
    say("link")
    link(root, objects, out, run)


def additions() -> list[Path]:
    """Our C++ files that are compiled into the extension."""
    return sorted(NATIVE.glob("*.cpp"))


def configure(root: Path, run: Run) -> None:
    shutil.copy(NATIVE / "config_site.h", root / "pjlib/include/pj/config_site.h")
    stripped = root / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c"
    if not stripped.exists():
        stripped.touch()  # removed by Debian, still named in the makefile
    environment = {**os.environ, "CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS}
    run(["sh", "./aconfigure", *CONFIGURE_FLAGS], cwd=root, env=environment)
    for library in ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip", "third_party"):
        (root / library / "lib").mkdir(exist_ok=True)


def swig(root: Path, objects: Path, out: Path, run: Run) -> None:
    """Write wrap.cpp to `objects` and pjsua2.py to `out`."""
    folders = [f"{root}/{name}/include" for name in ("pjlib", "pjlib-util", "pjmedia", "pjsip", "pjnath")]
    includes = [f"-I{folder}" for folder in (f"{root}/pjsip-apps/src/swig", str(NATIVE), *folders)]
    source = str(objects / "wrap.cpp")
    run(["swig", *SWIG_FLAGS, *includes, "-outdir", str(out), "-o", source, str(INTERFACE)], cwd=root)


def helper(root: Path, what: str, run: Run) -> list[str]:
    """PJSIP's own answer to which cflags, ldflags or libs a Python extension needs."""
    folder = root / "pjsip-apps/src/swig/python"
    return run(["make", "--no-print-directory", "-f", "helper.mak", what], cwd=folder).split()


def compile_command(path: Path, objects: Path, flags: list[str], own: list[str]) -> list[str]:
    includes = [f"-I{NATIVE}", f"-I{sysconfig.get_path('include')}"]
    return ["g++", *flags, *own, *includes, "-c", str(path), "-o", str(objects / f"{path.stem}.o")]


def link(root: Path, objects: Path, out: Path, run: Run) -> None:
    folders = helper(root, "ldflags", run)
    libraries = [f"-l{name}" for name in helper(root, "libs", run)]
    module = out / f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    parts = [str(path) for path in sorted(objects.glob("*.o"))]
    # PJSIP's symbols stay inside: another extension with its own PJSIP or OpenSSL must not meet them.
    hide = "-Wl,--exclude-libs,ALL"
    # RTP goes through our own sockets (rtp_socket.hpp) instead of PJMEDIA's ioqueue; playout_port.cpp sees each read.
    own = [f"-Wl,--wrap=pjmedia_{name}" for name in ("transport_udp_attach", "port_get_frame", "jbuf_get_frame3")]
    run(["g++", "-shared", "-s", hide, *own, "-o", str(module), *parts, *folders, *libraries], cwd=root)

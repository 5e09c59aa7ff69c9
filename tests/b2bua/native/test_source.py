# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the source comes from and what the cache key depends on. No network, no compiler."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from b2bua.native import build, source

DEB822 = """\
# the security mirror comes first on purpose
Types: deb
URIs: http://security.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://vendor.invalid/node
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Enabled: no
Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def apt_folder(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


def test_the_mirror_is_found_in_deb822(tmp_path: Path) -> None:
    assert source.debian_mirror(apt_folder(tmp_path, "sources.list.d/debian.sources", DEB822)).uri == (
        "http://mirror.invalid/debian"
    )


@pytest.mark.parametrize("name", ["sources.list", "sources.list.d/mirror.list"])
def test_the_mirror_is_found_in_one_line_style(tmp_path: Path, name: str) -> None:
    codename = source._codename()
    text = (
        "# deb http://commented.invalid/debian bookworm main\n"
        "deb http://vendor.invalid/sdk sdk-stable main\n"
        f"deb http://security.invalid/debian {codename}-security main\n"
        f"deb http://mirror.invalid/debian {codename} main contrib # ours\n"
    )
    assert source.debian_mirror(apt_folder(tmp_path, name, text)).uri == "http://mirror.invalid/debian"


def test_no_mirror_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(source.SourceError, match="no Debian mirror"):
        source.debian_mirror(tmp_path)


def test_a_given_tarball_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball = tmp_path / "pjproject-2.17.tar.gz"
    makefile = b"export PJ_VERSION_MAJOR  := 2\nexport PJ_VERSION_MINOR  := 17\nexport PJ_VERSION_REV    :=\n"
    with tarfile.open(tarball, "w:gz") as archive:
        for name, data in (("pjproject-2.17/aconfigure", b""), ("pjproject-2.17/version.mak", makefile)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    monkeypatch.setenv("PJPROJECT_TARBALL", str(tarball))
    work = tmp_path / "work"
    work.mkdir()
    root = source.obtain(work, run=lambda *_, **__: pytest.fail("no command is needed"))
    assert root.name == "pjproject-2.17"
    assert source.version(root) == "2.17"


def test_a_missing_tarball_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PJPROJECT_TARBALL", str(tmp_path / "absent.tar.gz"))
    with pytest.raises(source.SourceError, match="no such file"):
        source.obtain(tmp_path, run=lambda *_, **__: "")


def test_the_key_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PJPROJECT_TARBALL", raising=False)
    monkeypatch.setattr(build, "NATIVE", tmp_path)
    (tmp_path / "config_site.h").write_text("one")
    first = build.cache_key()
    assert build.cache_key() == first
    (tmp_path / "config_site.h").write_text("two")
    second = build.cache_key()
    (tmp_path / "extra.cpp").write_text("")
    assert len({first, second, build.cache_key()}) == 3


def test_a_cached_wheel_needs_no_build(tmp_path: Path) -> None:
    wheel = tmp_path / "key" / "pjsua2-2.17+kkey-cp311-cp311-linux_x86_64.whl"
    wheel.parent.mkdir()
    wheel.touch()
    assert build.obtain_wheel(tmp_path, "key") == wheel


def test_a_failed_build_leaves_no_wheel_and_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PJPROJECT_TARBALL", str(tmp_path / "absent.tar.gz"))
    with pytest.raises(SystemExit):
        build.obtain_wheel(tmp_path / "cache", "key")
    text = capsys.readouterr().err
    assert "no such file" in text
    assert "apt-packages.txt" in text
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["key.log", "lock"]

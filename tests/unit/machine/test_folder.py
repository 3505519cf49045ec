"""The `.liandong/` folder: secrets that stay and stay private, one run at a time, files that are never half written."""

import fcntl
import json
import os
import shutil
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.machine.folder import Folder, read_json, write_atomically, write_json
from cli.machine.trouble import Trouble, from_os_error


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / ".liandong")
    folder.create()
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_32_random_bytes_in_a_private_file(folder: Folder) -> None:
    old = os.umask(0)
    try:
        secret = folder.secret("kek")
    finally:
        os.umask(old)

    assert len(bytes.fromhex(secret)) == 32
    assert mode(folder.secret_file("kek")) == 0o600
    assert mode(folder.secrets) == 0o700


def test_a_secret_is_kept_for_ever_and_shared_with_none(folder: Folder) -> None:
    first = folder.secret("kek")
    folder.create()

    assert Folder(folder.root).secret("kek") == first
    assert folder.secret("salt") != first


def test_keys_are_private_and_endpoints_are_public(folder: Folder) -> None:
    write_json(folder.keys_file, {"partner": "k"}, mode=0o600)
    write_json(folder.endpoints_file, {"intake": "http://127.0.0.1:8101"})

    assert mode(folder.keys_file) == 0o600
    assert mode(folder.endpoints_file) == 0o644
    assert read_json(folder.endpoints_file) == {"intake": "http://127.0.0.1:8101"}


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(folder: Folder) -> None:
    path = folder.root / "endpoints.json"
    write_json(path, {"a": "1"})
    with path.open() as reader:
        write_json(path, {"a": "2"})
        assert json.load(reader) == {"a": "1"}

    assert json.loads(path.read_text()) == {"a": "2"}
    assert not list(folder.root.glob(".*.new"))


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"'])
def test_a_damaged_file_counts_as_empty(folder: Folder, text: str) -> None:
    write_atomically(folder.ports_file, text)

    assert read_json(folder.ports_file) == {}


def test_a_second_run_in_the_same_checkout_is_refused_in_one_sentence(folder: Folder) -> None:
    with folder.run_lock(), pytest.raises(Trouble, match="already runs in this checkout"), folder.run_lock():
        pass


def test_a_run_may_follow_another_one(folder: Folder) -> None:
    with folder.run_lock():
        pass
    with folder.run_lock():
        pass


def test_a_run_waits_for_the_servers_a_killed_run_left(folder: Folder) -> None:
    with (folder.root / "servers.lock").open("a") as leftover:
        fcntl.flock(leftover, fcntl.LOCK_EX)
        with pytest.raises(Trouble, match="earlier run"), folder.run_lock(patience=0.1):
            pass
    with folder.run_lock(patience=0.1):
        pass


def test_less_than_500_mb_of_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(499 * 1024 * 1024))
    with pytest.raises(Trouble, match="Disk full"):
        Folder(tmp_path / ".liandong").create()


def test_a_disk_that_fills_up_meanwhile_is_the_same_sentence() -> None:
    # /dev/full answers every write as a full disk does.
    with pytest.raises(OSError, match="No space left") as caught, Path("/dev/full").open("w") as file:
        file.write("x")

    trouble = from_os_error(caught.value, Path("/"))
    assert trouble is not None
    assert "Disk full" in trouble.en
    assert "磁盘空间不足" in trouble.zh

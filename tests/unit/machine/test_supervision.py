"""The quiet parts of supervision: pauses and logs."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cli.machine.logs import cut
from cli.machine.supervisor import PATIENCE, pause
from cli.machine.trouble import did_not_start, tail


@given(st.integers(0, PATIENCE))
def test_the_first_deaths_cost_no_noticeable_pause(deaths: int) -> None:
    assert pause(deaths) <= 0.1


@given(st.integers(0, 10_000))
def test_pauses_never_shrink_and_never_exceed_half_a_minute(deaths: int) -> None:
    assert pause(deaths) <= pause(deaths + 1) <= 30


def test_pauses_double_once_patience_is_over() -> None:
    assert [pause(PATIENCE + more) for more in range(1, 5)] == [1, 2, 4, 8]


def test_a_log_beyond_its_cap_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "intake.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert not cut(log, cap=100)
        writer.write(b"y")
        assert cut(log, cap=100)
        writer.write(b"after\n")

    assert log.read_bytes() == b"after\n"
    assert len((tmp_path / "intake.log.1").read_bytes()) == 101


def test_a_program_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "intake.log"
    log.write_text("first\nno such stream\n\n")

    assert "intake" in did_not_start("intake", log).zh
    assert "no such stream" in did_not_start("intake", log).en
    assert tail(tmp_path / "none.log") == []


def test_a_program_that_found_the_disk_full_is_told_as_such(tmp_path: Path) -> None:
    log = tmp_path / "nats.log"
    log.write_text("[FTL] write meta.inf: No space left on device\n")

    assert "Disk full" in did_not_start("nats", log).en

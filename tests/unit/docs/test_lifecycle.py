"""The drawing of the life cycle is as complete as the life cycle, and says nothing the rules do not."""

from __future__ import annotations

import pytest

from libs.demand import ENDED, Status
from tools.lifecycle import explore, in_order, lifecycle_page, possible


def test_every_command_is_seen_at_work() -> None:
    assert {command for command, _, _ in explore()} == {*in_order(), "SubmitDemand"}


def test_every_status_is_reached_and_every_one_that_is_not_an_end_is_left() -> None:
    moves = {(before, after) for _, before, after in explore() if before is not after}
    assert {after for _, after in moves} == set(Status) - {Status.SUBMITTED}
    assert {before for before, _ in moves} == set(Status) - {Status.WITHDRAWN}
    assert {after for before, after in moves if before in ENDED} == {Status.TRIAGE, Status.IN_PROGRESS}


@pytest.mark.parametrize("command", in_order())
def test_a_command_does_nothing_where_the_life_cycle_does_not_allow_it(command: str) -> None:
    assert {before for name, before, _ in explore() if name == command} <= possible(command)


def test_what_people_do_in_every_status_is_drawn_for_every_status() -> None:
    """Commands of people who need nothing before: each is seen wherever it is allowed."""
    plain = {"SupplementDemand", "CorrectDemand", "WithdrawDemand", "ReclassifyDemand", "RefuseDemand", "MergeDemand", "OpenSupervision"}
    plain |= {"AcceptAssignment", "ReturnAssignment", "ReportProgress", "RecordService", "ResolveDemand", "AttachEvidence", "ResumeDemand"}
    seen = {(command, before) for command, before, _ in explore()}
    assert {(command, status) for command in plain for status in possible(command)} <= seen


def test_the_diagram_names_every_status_in_both_languages() -> None:
    page = lifecycle_page()
    for status in Status:
        assert f" as {status}\n" in page
    assert page.count("```mermaid") == 1
    assert "    resolved --> closed: 确认结果 confirm、记录回访 record a call-back、时限处理 keep time\n" in page

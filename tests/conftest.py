"""Which tests share a worker: those that use one whole machine, so that it is started once for each half and not by every worker."""

from __future__ import annotations

import os
from typing import Any, Final

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

MACHINE: Final = {
    "tests/e2e/test_open_api.py": "first machine",
    "tests/e2e/test_erasure.py": "first machine",
    "tests/e2e/test_story.py": "first machine",
    "tests/e2e/test_one_demand.py": "first machine",
    "tests/e2e/test_own_work.py": "first machine",
    "tests/e2e/test_command_line.py": "second machine",
    "tests/e2e/test_hostile_values.py": "second machine",
    "tests/e2e/test_policy_commands.py": "second machine",
    "tests/e2e/console/test_phone_page_on_the_machine.py": "second machine",
}


class ByMachine(LoadScopeScheduling):  # type: ignore[misc]
    """Every test by itself, except those of a machine. xdist 3.8's own `loadgroup` does not work with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return MACHINE.get(nodeid.partition("::")[0], nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    """Use it whenever tests run in several processes."""
    return ByMachine(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: tests with real servers and real seconds spend a third of their time waiting."""
    return (os.cpu_count() or 1) + 1

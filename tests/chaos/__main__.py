"""`make chaos`: the long form, at least 40 kills of everything in turn and 50 of what timers live by."""

import os
import sys

import pytest

os.environ.setdefault("LIANDONG_CHAOS_KILLS", "40")
os.environ.setdefault("LIANDONG_CHAOS_TIMER_KILLS", "50")
sys.exit(pytest.main(["-s", "-p", "no:xdist", "tests/chaos", *sys.argv[1:]]))

"""`make chaos`: the long form, at least 40 kills."""

import os
import sys

import pytest

os.environ.setdefault("LIANDONG_CHAOS_KILLS", "40")
sys.exit(pytest.main(["-s", "-p", "no:xdist", "tests/chaos", *sys.argv[1:]]))

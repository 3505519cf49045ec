"""`python -m services.tracker`."""

import gc

from libs.chassis.serve import serve
from libs.chassis.settings import load_settings
from services.tracker.main import create_app
from services.tracker.settings import TrackerSettings

if __name__ == "__main__":
    # Commits and rows are values without cycles; looking through the cached ones again and again costs half the rate (measured).
    gc.set_threshold(50_000, 20, 50)
    serve(create_app, load_settings(TrackerSettings))

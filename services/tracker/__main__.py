"""`python -m services.tracker`."""

from libs.chassis.serve import serve
from libs.chassis.settings import load_settings
from services.tracker.main import create_app
from services.tracker.settings import TrackerSettings

if __name__ == "__main__":
    serve(create_app, load_settings(TrackerSettings))

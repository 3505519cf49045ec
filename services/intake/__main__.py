"""`python -m services.intake`."""

from libs.chassis.serve import serve
from libs.chassis.settings import load_settings
from services.intake.main import create_app
from services.intake.settings import IntakeSettings

if __name__ == "__main__":
    serve(create_app, load_settings(IntakeSettings))

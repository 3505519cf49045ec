"""`python -m services.router`."""

from libs.chassis.serve import serve
from libs.chassis.settings import load_settings
from services.router.main import create_app
from services.router.settings import RouterSettings

if __name__ == "__main__":
    serve(create_app, load_settings(RouterSettings))

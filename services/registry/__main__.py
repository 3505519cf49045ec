"""`python -m services.registry`."""

from libs.chassis.serve import serve
from libs.chassis.settings import load_settings
from services.registry.main import create_app
from services.registry.settings import RegistrySettings

if __name__ == "__main__":
    serve(create_app, load_settings(RegistrySettings))

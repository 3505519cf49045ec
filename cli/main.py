"""The `liandong` command: the list of its sub-commands, each in a file of its own beside this one."""

import sys

import typer

from cli.check import check
from cli.importing import import_file
from cli.key import key
from cli.machine.run import run, tell
from cli.machine.trouble import Trouble
from cli.network import network
from cli.policy import policy
from cli.rebuild import rebuild

app = typer.Typer(name="liandong", no_args_is_help=True, pretty_exceptions_enable=False, help="联动 Liandong: 一点提问、全网联动。")


app.command("run")(run)
app.command("rebuild")(rebuild)
app.command("check")(check)
app.command("import")(import_file)
app.add_typer(network)
app.add_typer(key)
app.add_typer(policy)


def main() -> None:
    """Run the command line; a foreseeable failure is a sentence and exit code 1."""
    try:
        app()
    except Trouble as trouble:
        tell(trouble)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""A program that is imported and warmed up once; each call of the file that this writes is a fork of it.

Importing dbt, or Airflow's commands, takes longer than most of what the tests ask of them. Run by the
program's own Python with its name, the path of the file to write, and for dbt the folder of a project.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT = """#!{python} -ISs
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [call.encode()], [1, 2])
    sys.exit(int(server.recv(16) or 1))
"""


def dbt(program: Path, project: str) -> Callable[[], object]:
    """Return dbt's command after it has parsed a project."""
    main: Any = importlib.import_module("dbt.cli.main")
    places = ("--project-dir", project, "--profiles-dir", project)
    outputs = ("--target-path", str(program.parent), "--log-path", str(program.parent))
    # The static parser starts threads, which a fork would not have.
    main.dbtRunner().invoke(["parse", "--quiet", "--no-static-parser", *places, *outputs])
    command: Callable[[], object] = main.cli
    return command


def airflow() -> Callable[[], object]:
    """Return Airflow's command, which keeps the settings that Airflow reads when it is imported."""
    from airflow.__main__ import main
    from airflow.cli.cli_parser import get_parser
    from sqlalchemy.orm import configure_mappers

    for module in (
        "airflow.cli.commands.backfill_command",
        "airflow.cli.commands.dag_command",
        "nyc_taxi.cli.backfill",
    ):
        importlib.import_module(module)
    get_parser()
    configure_mappers()
    return main


def answer(client: socket.socket, name: str, command: Callable[[], object]) -> None:
    """Fork a process that runs the command as the client asks, and sends it the exit code."""
    message, (out, err), _, _ = socket.recv_fds(client, 1 << 20, 2)
    arguments, folder, environment = json.loads(message)
    if name == "dbt" and environment.get("DBT_PROFILE") == "bigquery":
        importlib.import_module("dbt.adapters.bigquery")  # once, for all that follow
    if os.fork() != 0:
        os.close(out)
        os.close(err)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [name, *arguments]
    code: int | str | None = 0
    try:
        command()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    client.send(str(code or 0).encode())
    os._exit(0)


def serve(name: str, program: Path, *more: str) -> None:
    """Answer calls until the process is ended."""
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow logs to standard output
    command = dbt(program, *more) if name == "dbt" else airflow()
    address = f"{program}.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        program.write_text(CLIENT.format(python=sys.executable, address=address))
        program.chmod(0o755)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        said.write("ready\n")
        said.flush()
        while True:
            client, _ = listening.accept()
            with client:
                answer(client, name, command)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])

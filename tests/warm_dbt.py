"""dbt, imported and warmed up once; each call of the program that this writes is a fork of it.

Importing dbt and filling its parser's caches takes longer than most of what the tests ask of it. Run by
dbt's Python with the folder of a project and the path of the program to write.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path

from dbt.cli.main import cli, dbtRunner  # type: ignore[import-not-found]

CLIENT = """#!{python} -ISs
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])
    socket.send_fds(server, [call.encode()], [1, 2])
    sys.exit(int(server.recv(16) or 1))
"""


def answer(client: socket.socket) -> None:
    """Fork a process that runs dbt as the client asks, and sends it the exit code."""
    message, (out, err), _, _ = socket.recv_fds(client, 1 << 20, 2)
    arguments, folder, environment = json.loads(message)
    if environment.get("DBT_PROFILE") == "bigquery":
        import_module("dbt.adapters.bigquery")  # here, so that the forks have it
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
    sys.argv = ["dbt", *arguments]
    code: int | str | None = 0
    try:
        cli()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    client.send(str(code or 0).encode())
    os._exit(0)


def serve(project: str, program: Path) -> None:
    """Answer calls until the process is ended."""
    places = ("--project-dir", project, "--profiles-dir", project)
    outputs = ("--target-path", str(program.parent), "--log-path", str(program.parent))
    # The static parser starts threads, which a fork would not have.
    dbtRunner().invoke(["parse", "--quiet", "--no-static-parser", *places, *outputs])
    address = f"{program}.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        program.write_text(CLIENT.format(python=sys.executable, address=address))
        program.chmod(0o755)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            client, _ = listening.accept()
            with client:
                answer(client)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))

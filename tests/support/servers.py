"""Real servers for the tests: started here, on loopback or a socket of their own, and stopped when the tests end."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agentdeck.errors import MissingToolError
from agentdeck.system.databases.pgserver import find_program
from tests.support.retry import eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a new PostgreSQL; it keeps its files in a folder of its own and needs no password."""
    folder = Path(tempfile.mkdtemp(prefix="agentdeck-pg-"))
    port = free_port()
    become: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
        account = next(name for name in ("postgres", "nobody") if _has_account(name))
        shutil.chown(folder, account)
        become = ["setpriv", f"--reuid={account}", f"--regid={pwd.getpwnam(account).pw_gid}", "--clear-groups"]
    data = folder / "data"
    options = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run([*become, find_program("initdb"), "-D", str(data), *options], check=True, **quiet)  # type: ignore[call-overload]
    flags = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]
    server = subprocess.Popen(  # type: ignore[call-overload]
        [*become, find_program("postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *flags], **quiet
    )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}"
        eventually(
            lambda: subprocess.run([find_program("pg_isready"), "-q", "-d", url], check=False).returncode == 0, 30
        )
        yield url
    finally:
        with suppress(Exception):
            server.terminate()
            server.wait(15)
        with suppress(Exception):
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _has_account(name: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


@contextmanager
def redis_server() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise MissingToolError("redis-server is not installed.")
    folder = Path(tempfile.mkdtemp(prefix="agentdeck-redis-"))
    port = free_port()
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--appendonly", "no"]
    server = subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(port), 15)
        yield f"redis://127.0.0.1:{port}"
    finally:
        with suppress(Exception):
            server.terminate()
            server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    try:
        find_program("initdb")
    except MissingToolError as error:
        pytest.skip(str(error))
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with redis_server() as url:
        yield url


@pytest.fixture
def template(postgres: str) -> str:
    """The name of a new database with one row in it, to be copied."""
    import psycopg

    name = f"template_{secrets.token_hex(4)}"
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with psycopg.connect(f"{postgres}/{name}", autocommit=True) as connection:
        connection.execute("create table note(text text)")
        connection.execute("insert into note values('from the template')")
    return name

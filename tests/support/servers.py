"""Real servers for the tests: started here, on loopback or a socket of their own, and stopped when the tests end."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

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
    """The URL of a new PostgreSQL on loopback, where it wants the password that is in the URL. On a socket in its
    folder, which `PGHOST` could name, it wants none."""
    folder = Path(tempfile.mkdtemp(prefix="agentdeck-pg-"))
    account: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
        name = next(name for name in ("postgres", "nobody") if _has_account(name))
        shutil.chown(folder, name)
        account |= {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    data, password = folder / "data", secrets.token_hex(8)
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o644)
    options = ["--auth-host=scram-sha-256", "--auth-local=trust", f"--pwfile={folder / 'password'}"]
    options += ["--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"]
    subprocess.run([find_program("initdb"), "-D", str(data), *options], check=True, **account)
    flags = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-k", str(folder)]
    argv = [find_program("postgres"), "-D", str(data), *flags]
    try:
        with _started(argv, "-p", _postgres_answers, account) as port:
            yield f"postgresql://postgres:{password}@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_account(name: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


@contextmanager
def redis_server(*flags: str) -> Iterator[str]:
    """The URL of a new Redis on loopback; it keeps nothing on disk and needs no password."""
    folder = Path(tempfile.mkdtemp(prefix="agentdeck-redis-"))
    argv = [find_program("redis-server"), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *flags]
    try:
        with _started(argv, "--port", _redis_answers, {"stdout": subprocess.DEVNULL}) as port:
            yield f"redis://127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(argv: list[str], port_flag: str, answers: Callable[[int], bool], options: dict[str, Any]) -> Iterator[int]:
    """The port of a server that answers; another one where a stranger was faster to take it."""
    for last_try in (False, False, True):
        port = free_port()
        server = subprocess.Popen([*argv, port_flag, str(port)], **options)
        try:
            eventually(partial(_ended_or_answers, server, answers, port), 30)
            if server.poll() is None:
                yield port
                return
            if last_try:
                raise AssertionError(f"{argv[0]} ended at once with {server.returncode}")
        finally:
            _end(server)


def _ended_or_answers(server: subprocess.Popen[bytes], answers: Callable[[int], bool], port: int) -> bool:
    return server.poll() is not None or answers(port)


def _end(server: subprocess.Popen[bytes]) -> None:
    with suppress(Exception):
        server.send_signal(signal.SIGINT)
        server.wait(15)
    with suppress(Exception):
        server.kill()
        server.wait(5)


def _postgres_answers(port: int) -> bool:
    argv = [find_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(argv, check=False).returncode == 0


def _redis_answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    try:
        find_program("initdb")
    except MissingToolError as error:
        pytest.skip(error.title)
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    try:
        find_program("redis-server")
    except MissingToolError:
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

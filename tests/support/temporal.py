"""Temporal's real development server on loopback."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.retry import eventually
from tests.support.sshd import free_port

SERVER = shutil.which(str(Path(sys.executable).parent / "temporal")) or shutil.which("temporal")


def can_run() -> bool:
    return SERVER is not None and importlib.util.find_spec("temporalio") is not None


@dataclass
class Server:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"temporal://127.0.0.1:{self.port}/default"

    def start(self) -> None:
        assert SERVER is not None
        words = [SERVER, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        words += ["--db-filename", str(self.folder / "temporal.db"), "--log-level", "error"]
        words += ["--http-port", str(free_port()), "--metrics-port", str(free_port())]
        words += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        with (self.folder / "temporal.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        eventually(lambda: is_open(self.port), timeout=60, pause=0.1)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    made = Server(folder, free_port())
    made.start()
    try:
        yield made
    finally:
        made.kill()


NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
_PROXY = """\
daemon off;
pid "{folder}/nginx.pid";
error_log "{folder}/nginx.log";
events {{}}
http {{
    access_log off;
    client_body_temp_path "{folder}/body";
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate "{folder}/server.pem";
        ssl_certificate_key "{folder}/server.key";
        ssl_client_certificate "{folder}/client.pem";
        ssl_verify_client on;
        location / {{
            error_page 401 = @refused;
            if ($http_authorization != "Bearer {key}") {{ return 401; }}
            grpc_read_timeout 1h;
            grpc_pass grpc://127.0.0.1:{behind};
        }}
        location @refused {{
            default_type application/grpc;
            add_header grpc-status 16;
            add_header grpc-message "no such key";
            return 204;
        }}
    }}
}}
"""


@contextmanager
def behind_tls(behind: Server, folder: Path, key: str) -> Iterator[int]:
    """A real proxy in front of the server, at the port that is given: it asks for TLS, for a certificate of the
    client's, and for this API key. The certificates lie in the folder; the server's is of `temporal.test`."""
    assert NGINX is not None
    folder.mkdir()
    for name, subject in (("server", "temporal.test"), ("client", "somebody")):
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={subject}"]
        words += ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        words += ["-addext", f"subjectAltName=DNS:{subject}", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(words, check=True, capture_output=True)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_PROXY.format(folder=folder, port=port, behind=behind.port, key=key))
    proxy = subprocess.Popen([NGINX, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: is_open(port), timeout=20, pause=0.1)
        yield port
    finally:
        proxy.terminate()
        proxy.wait()

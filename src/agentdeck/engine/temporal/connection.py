"""The way to the server: its address, TLS, and the key that all is encrypted with before it gets there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.exceptions import ApplicationError
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from agentdeck.core.config.fleet import FleetConfig, TemporalConfig
from agentdeck.errors import ConfigError, UnreachableError
from agentdeck.system.files.files import home_path, private_folder, state_home, write_atomic

_REFUSED = ("Unauthenticated", "PermissionDenied")


class Crypt(PayloadCodec):
    """Encrypts all that the server sees of a batch."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        kind = {"encoding": b"binary/encrypted"}
        return [Payload(metadata=kind, data=self._fernet.encrypt(each.SerializeToString())) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        try:
            return [Payload.FromString(self._fernet.decrypt(each.data)) for each in payloads]
        except InvalidToken as error:
            raise ApplicationError("The batch was encrypted with another key.", non_retryable=True) from error


async def connect(config: FleetConfig) -> Client:
    """Raise ConfigError where it can't be right, UnreachableError where no server answers."""
    target, namespace = address(config.queue)
    converter = DataConverter(
        payload_codec=Crypt(_key(config.key)), failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )
    tls, api_key = _tls(config.temporal), _api_key(config.temporal)
    try:
        return await Client.connect(
            target, namespace=namespace, data_converter=converter, tls=tls, api_key=api_key, runtime=_runtime()
        )
    except (RuntimeError, ValueError, RPCError) as error:
        if any(word in str(error) for word in _REFUSED):  # a connection's error has no code
            raise ConfigError(
                f"Temporal at {target} refuses you.", detail=str(error), hint="See [fleet.temporal]."
            ) from error
        hint = "See [fleet.temporal]." if tls else "temporal server start-dev"
        raise UnreachableError(f"Temporal does not answer at {target}.", detail=str(error), hint=hint) from error


@cache
def _runtime() -> Runtime:
    """One that writes nothing of its own between what we print: what a person needs to know, the batch says."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    return Runtime(telemetry=TelemetryConfig(logging=quiet))


async def patiently(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What `call` gives; it is made again while the server can't be reached."""
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
                raise UnreachableError(f"Temporal refused: {error.message}.") from error
            await asyncio.sleep(1)


def address(url: str) -> tuple[str, str]:
    """Where the server is, and the namespace. Raise ConfigError for what is none."""
    parts = urlsplit(url)
    try:
        port = parts.port or 7233
    except ValueError:
        port = 0
    namespace = parts.path.strip("/") or "default"
    if parts.scheme != "temporal" or not parts.hostname or not port or "/" in namespace:
        raise ConfigError(f"fleet.queue is no address of Temporal: {url[:80]}", hint="temporal://HOST:7233/NAMESPACE")
    return f"{parts.hostname}:{port}", namespace


def _tls(config: TemporalConfig) -> TLSConfig | bool:
    if bool(config.certificate) != bool(config.certificate_key):
        raise ConfigError("fleet.temporal.certificate and certificate_key belong together.")
    files = [_content(config, name) for name in ("ca", "certificate", "certificate_key")]
    if not any((config.tls, config.server_name, config.api_key, *files)):
        return False
    ca, certificate, key = files
    return TLSConfig(ca, config.server_name or None, certificate, key)


def _api_key(config: TemporalConfig) -> str | None:
    key = _content(config, "api_key")
    return key.decode(errors="replace").strip() if key else None


def _content(config: TemporalConfig, name: str) -> bytes | None:
    """Of the file that this key names; None for none. Raise ConfigError for one that can't be read."""
    if not (path := str(getattr(config, name))):
        return None
    return _read(home_path(path), f"fleet.temporal.{name}")


def _read(file: Path, key: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}, which {key} names, can't be read: {error.strerror}.") from error


def _key(path: str) -> bytes:
    """The user's own, which is made where there is none."""
    if path:
        return _read(home_path(path), "fleet.key").strip()
    file = private_folder(state_home()) / "fleet.key"
    if not file.exists():
        write_atomic(file, Fernet.generate_key().decode() + "\n", 0o600)
    return file.read_bytes().strip()

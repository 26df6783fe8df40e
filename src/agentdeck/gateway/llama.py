"""A model server of our own: `python -m agentdeck.gateway.llama FILE --port PORT`, llama.cpp from the extra `local`.

It serves the three formats on loopback until TERM or INT ends it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="python -m agentdeck.gateway.llama", description="Serve one GGUF file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens of prompt and answer together")
    options = parser.parse_args()
    # Threads that spin while they wait for each other take seconds a token beside agents that use the processors.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(options.file)
    params.model_alias = {options.file.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_ctx = options.context
    params.n_parallel = 1
    params.use_jinja = True
    # TERM, INT and HUP end it at once, also while it loads: it has nothing to lose.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server = llama.Server(params)
    sys.stderr.write(f"{options.file.name} is served at {server.listening_address}.\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

"""litellm's translation of Messages requests to Chat, in an environment of its own: one JSON line in, one out."""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    adapter = importlib.import_module("litellm.llms.anthropic.pass_through.adapters.transformation").AnthropicAdapter()
    for line in sys.stdin:
        found, _ = adapter.translate_completion_input_params_with_tool_mapping(json.loads(line))
        sys.stdout.write(json.dumps(dict(found), default=lambda each: each.model_dump()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

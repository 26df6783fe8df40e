"""The queue of `run -f` in Temporal: `[fleet] queue = "temporal://HOST:PORT/NAMESPACE"`."""

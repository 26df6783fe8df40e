"""What people send to an agent, as files that its runner types."""

from __future__ import annotations

MESSAGES = "typing"
"""The folder in an agent's own with what people send to it, a file each, which the runner deletes once it is typed."""
WITHDRAWN_AFTER = 10.0
"""Seconds that a message may wait for the program to be up."""
TAKEN = ".taken"
REFUSED = ".refused"
"""In place of a message that would have answered a question: what the agent asks."""

"""The kinds of values that options take; each raises ArgumentTypeError with a sentence."""

from __future__ import annotations

import argparse

from agentdeck.core.text.durations import parse_duration
from agentdeck.core.text.text import parse_size


def duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if seconds <= 0:
        raise argparse.ArgumentTypeError("a time-out must be more than 0 seconds")
    return seconds


def variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or not name.isascii():
        raise argparse.ArgumentTypeError(f"“{text}” is not NAME=VALUE")
    return name, value


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number of 1 or more")
    return int(text)


def share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a share between 0 and 1, such as 0.8")
    return share


def port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"“{text}” is not a port, a number from 1 to 65535")
    return int(text)


def number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number above 0")
    return number


def size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def filled(text: str) -> str:
    """Not empty: what a script meant to say with a variable that was not set is not ours to guess."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text

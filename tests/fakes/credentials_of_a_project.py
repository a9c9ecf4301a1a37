"""A function that returns credentials, as a user's project has it."""

from __future__ import annotations

from beam_dis import Token


def token() -> Token:
    return Token("t")

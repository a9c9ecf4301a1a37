"""A stream that is in the input of a read with an app twice."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.read.process.stream_claims import CLAIM_SECONDS, StreamClaims
from beam_dis.read.values import StreamStart

FIRST, SECOND = StreamStart("flights", None, "1"), StreamStart("id of flights", None, "2")


def test_a_second_element_with_the_same_stream_is_refused_and_named(now: Any) -> None:
    claims = StreamClaims(clock=now)
    claims.claim(FIRST, "id", "app")
    claims.claim(StreamStart("delays", None, "3"), "another id", "app")
    with pytest.raises(ConfigurationError, match=r"'id of flights' is in the input of .*app='app'.* twice"):
        claims.claim(SECOND, "id", "app")


def test_the_same_element_may_claim_again(now: Any) -> None:
    claims = StreamClaims(clock=now)
    for _ in range(3):
        now.seconds += CLAIM_SECONDS / 2
        claims.claim(FIRST, "id", "app")


def test_an_element_that_came_again_after_a_failure_may_claim_after_a_minute(now: Any) -> None:
    claims = StreamClaims(clock=now)
    claims.claim(FIRST, "id", "app")
    now.seconds += CLAIM_SECONDS
    claims.claim(SECOND, "id", "app")
    with pytest.raises(ConfigurationError):
        claims.claim(FIRST, "id", "app")

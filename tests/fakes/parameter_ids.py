"""Names for the parameters of tests that are the same in each process, as running the tests in several processes requires."""

import re

from beam_dis.plain_values import shown


def parameter_id(value: object) -> str:
    """The value as errors show it, without its address in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", shown(value))

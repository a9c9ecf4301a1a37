"""Checks tags [T5-5, T5-142]: a key is 1 to 36 letters, digits, ``_``, ``-``, ``.`` or Chinese characters, a value up to 43.

A tag that breaks the rule is refused with DIS.4200. The reference both permits and forbids the dot in keys: it is permitted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from beam_dis.local.store import Tag
from beam_dis.wire.error_codes import Refusal

_KEY = re.compile("[A-Za-z0-9_.\u4e00-\u9fff-]{1,36}")
_VALUE = re.compile("[A-Za-z0-9_.\u4e00-\u9fff-]{0,43}")


def checked_tag(tag: Tag) -> Tag:
    """The tag, with a value."""
    value = tag.value or ""
    if _KEY.fullmatch(tag.key) is None or _VALUE.fullmatch(value) is None:
        raise Refusal(4200, f"tag {tag.key!r}={value!r} has a character or a length that tags don't take")
    return Tag(tag.key, value)


def checked_new_tags(tags: Sequence[Tag]) -> list[Tag]:
    """Tags to add in one request: at least one, each key once."""
    if not tags:
        raise Refusal(4200, "there are no tags")
    keys = [tag.key for tag in tags]
    if len(set(keys)) < len(keys):
        raise Refusal(4200, f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return [checked_tag(tag) for tag in tags]

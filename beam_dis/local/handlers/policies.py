"""Who may use a stream of another project: the rules of a policy, and whom they fit [§5.1.7].

Rules:

1. A principal is ``account.user``, or ``account.*`` for all users of an account; ``account`` alone means the same [the sample of
   §5.1.7]. A caller is known by the name of its keys; accounts and users have no other ids here (ours).
2. Who may put or get records may also describe the stream, because clients do that first (ours).
3. Without keys callers aren't known, so everybody may use every stream by its id (ours).
"""

from __future__ import annotations

from collections.abc import Iterable

from beam_dis.local.store import PolicyRule
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_PRINCIPAL_CHARS, MAX_PRINCIPALS
from beam_dis.wire.streams import GET_STREAM_INFO, POLICY_ACTIONS, POLICY_EFFECTS


def checked_rules(principals: str, action: str, effect: str | None) -> list[PolicyRule]:
    """The rules of a request, one for each principal; refused with DIS.4200 if there is none, or if it has another form."""
    if action not in POLICY_ACTIONS:
        raise Refusal(4200, f"action_type {action!r} is not one of {', '.join(POLICY_ACTIONS)}")
    if effect not in (None, *POLICY_EFFECTS):
        raise Refusal(4200, f"effect {effect!r} is not {POLICY_EFFECTS[0]}")
    names = list(dict.fromkeys(_principal(text.strip()) for text in principals.split(",")))
    if len(names) > MAX_PRINCIPALS:
        raise Refusal(4200, f"{len(names)} principals are more than {MAX_PRINCIPALS}")
    return [PolicyRule(name, name, action, POLICY_EFFECTS[0]) for name in names]


def permits(rules: Iterable[PolicyRule], caller: str, action: str) -> bool:
    """Whether one of the rules lets the caller of that name do something."""
    everybody = f"{caller.partition('.')[0]}.*"
    return any(
        rule.principal_name in (caller, everybody) and action in (rule.action_type, GET_STREAM_INFO) for rule in rules
    )


def _principal(text: str) -> str:
    account, dot, user = text.partition(".")
    if not account or (dot and not user) or len(text) > MAX_PRINCIPAL_CHARS:
        raise Refusal(4200, f"principal {text[:MAX_PRINCIPAL_CHARS]!r} is neither account.user nor account.*")
    return text if dot else f"{account}.*"

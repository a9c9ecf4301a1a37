"""Calls operations of an official Python client: reads a step from each line of standard input, writes its answer as a line of JSON.

A step is ``{"open": settings}``, which makes a new client, or ``{"call": method, "request": value}``. The first argument says
which client it is. A request is the SDK's own request class for ``huaweicloudsdkdis``, and the arguments of the method for the
others. An answer is ``{"result": value}`` or ``{"error": code, "message": text}``, both with the answer's HTTP status.

This runs in the client's own environment, which has nothing of this project.
"""

from __future__ import annotations

import builtins
import json
import os
import re
import sys
from importlib import import_module
from typing import Any
from urllib.parse import quote

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # the clients' generated code is older than the library


class Generation3:
    """``huaweicloudsdkdis``."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._classes = import_module("huaweicloudsdkdis.v2")
        basic = import_module("huaweicloudsdkcore.auth.credentials").BasicCredentials
        credentials = basic(settings["access_key"], settings["secret_key"], settings["project_id"])
        credentials.security_token = settings.get("security_token")
        builder = self._classes.DisClient.new_builder().with_credentials(credentials)
        if settings.get("derived"):
            region = import_module("huaweicloudsdkcore.region.region").Region
            credentials.with_derived_predicate(lambda _: True)
            builder.with_region(region(settings["region"], settings["endpoint"]))
            builder._with_derived_auth_service_name("dis")  # the SDK of this service has no public way to derive keys
        else:
            builder.with_endpoint(settings["endpoint"])
        self._client = builder.build()

    def call(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call a method with its request class."""
        name = "".join(part.title() for part in method.split("_"))
        refusals = import_module("huaweicloudsdkcore.exceptions.exceptions")
        try:
            answer = getattr(self._client, method)(self._made(f"{name}Request", request))
        except refusals.ServiceResponseException as error:
            found = {"error": error.error_code, "message": error.error_msg}
            return {**found, "status": error.status_code, "request_id": error.request_id}
        return {"result": json.loads(str(answer)), "status": answer.status_code}

    def _made(self, kind: str, value: Any) -> Any:
        """A value of a type by the SDK's name for it: ``list[Tag]``, ``Tag`` or a plain one."""
        if kind.startswith("list["):
            return [self._made(kind[5:-1], item) for item in value]
        if not isinstance(value, dict) or kind in ("object", "dict(str, str)"):
            return value
        made = getattr(self._classes, kind)
        names = {name: attribute for attribute, name in made.attribute_map.items()}
        types = made.openapi_types
        return made(**{names[name]: self._made(types[names[name]], item) for name, item in value.items()})


class DISClient:
    """``huaweicloud-python-sdk-dis`` and ``huaweicloud-sdk-python-dis``, its successor."""

    def __init__(self, settings: dict[str, Any]) -> None:
        builtins.quote = quote  # type: ignore[attr-defined]  # the older one imports it for Python 3.5 to 3.9 alone
        made = import_module("dis_sdk_python").disclient
        more = {"derivationKeySwitch": settings["derived"]} if "derived" in settings else {}
        self._client = made(
            endpoint=settings["endpoint"],
            ak=settings["access_key"],
            sk=settings["secret_key"],
            projectid=settings["project_id"],
            region=settings["region"],
            bodySerializeType=settings.get("serialize", ""),
            **more,
        )
        self._refused = import_module("dis_sdk_python.com.huaweicloud.dis.sdk.python.models.disexception").DisException

    def call(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call a method with its arguments."""
        try:
            answer = getattr(self._client, method)(**request)
        except self._refused as error:
            code = re.search(r"DIS\.[0-9]+", str(error))
            return {"error": code[0] if code else type(error).__name__, "message": str(error)}
        found = {name: value for name, value in vars(answer).items() if name != "statusCode"}
        return {"result": found, "status": answer.statusCode}


def main() -> None:
    """Do the steps. What the client prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    kind = Generation3 if sys.argv[1] == "huaweicloudsdkdis" else DISClient
    client: Generation3 | DISClient | None = None
    for line in sys.stdin:
        step = json.loads(line)
        try:
            if "open" in step:
                client, answer = kind(step["open"]), {"result": None}
            else:
                answer = client.call(step["call"], step["request"] or {})
        except Exception as error:  # noqa: BLE001 - the test sees it
            answer = {"error": type(error).__name__, "message": str(error)}
        answers.write(json.dumps(answer, default=lambda value: value.decode()) + "\n")
        answers.flush()


main()

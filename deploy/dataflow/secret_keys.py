"""The keys of the DIS from Secret Manager. The workers import this module, so that no key is in the job."""

from __future__ import annotations

import json
import os

from beam_dis import Credentials


def keys() -> Credentials:
    """The keys in the secret that the variable DIS_KEYS_SECRET names, such as ``projects/…/secrets/dis-keys/versions/latest``.

    The secret is JSON with ``ak`` and ``sk``. It is read again once a minute, so a new version of it is used soon.
    """
    from google.cloud import secretmanager

    found = secretmanager.SecretManagerServiceClient().access_secret_version(name=os.environ["DIS_KEYS_SECRET"])
    secret = json.loads(found.payload.data)
    return Credentials(access_key=secret["ak"], secret_key=secret["sk"])

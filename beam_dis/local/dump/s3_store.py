"""An S3-compatible object store as the place of objects, by boto3: an OBS, a MinIO, an S3.

Rule 1: boto3 finds the keys: ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, its files, or the machine's role.
Rule 2: temporary files are in a folder of the server. An object is sent whole, and the file is removed when the store has it.
Rule 3: a bucket that is missing or refused is a Refusal, as in a folder. Every other failure is an OSError, and may pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beam_dis.wire.error_codes import Refusal

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 60, 3
_MISSING, _REFUSED = {404}, {401, 403}


class S3Store:
    """The buckets of an endpoint.

    Args:
        endpoint: its URL, such as ``http://127.0.0.1:9000``.
        folder: where temporary files are; it is made if it is missing.

    Raises:
        ImportError: boto3 isn't installed.
        ValueError: The endpoint is no URL.
    """

    def __init__(self, endpoint: str, folder: Path) -> None:
        import boto3
        from botocore.config import Config

        self._endpoint = endpoint
        self._folder = folder
        session = boto3.Session()
        self._client = session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=session.region_name or "us-east-1",
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "max_attempts": _ATTEMPTS},
                s3={"addressing_style": "path"},
                # other stores than S3 don't know its newer checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def check_bucket(self, bucket: str) -> None:
        """As an ObjectStore does."""
        with self._errors(bucket):
            self._client.head_bucket(Bucket=bucket)

    def temporary(self, name: str) -> Path:
        """As an ObjectStore does."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder / name

    def publish(self, temporary: str, key: str) -> bool:
        """As an ObjectStore does."""
        file = self._folder / temporary
        if not file.exists():
            return False
        bucket, _, name = key.partition("/")
        with self._errors(bucket), file.open("rb") as body:
            self._client.put_object(Bucket=bucket, Key=name, Body=body)
        file.unlink()
        return True

    def has(self, key: str) -> bool:
        """As an ObjectStore does."""
        bucket, _, name = key.partition("/")
        try:
            with self._errors(bucket):
                self._client.head_object(Bucket=bucket, Key=name)
        except Refusal as refusal:
            if refusal.code != "DIS.4306":  # HEAD doesn't say whether the bucket or the object is missing
                raise
            return False
        return True

    def remove_temporary(self, task_id: str, kept: Collection[str] = ()) -> None:
        """As an ObjectStore does."""
        for file in self._folder.glob(f"{task_id}-*"):
            if file.name not in kept:
                file.unlink(missing_ok=True)

    @contextmanager
    def _errors(self, bucket: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            status: Any = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status in _MISSING:
                raise Refusal(4306, bucket) from error
            if status in _REFUSED:
                raise Refusal(4310, f"{self._endpoint} refuses bucket {bucket}") from error
            raise OSError(f"{self._endpoint}: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"{self._endpoint}: {error}") from error

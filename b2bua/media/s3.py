# SPDX-License-Identifier: GPL-3.0-or-later
"""A PUT that an S3 bucket takes. Signed by botocore (the extra `s3`), sent like any other upload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from config.recordings import S3


def object_url(bucket: S3, account_id: str | None, file: Path) -> str:
    """<endpoint>/<bucket>/<prefix>/<account>/<YYYYMM>/<file>"""
    parts = (bucket.prefix.strip("/"), account_id or "none", file.parent.name, file.name)
    key = "/".join(part for part in parts if part)
    return f"{bucket.endpoint}/{quote(bucket.bucket)}/{quote(key)}"


def signed(bucket: S3, account_id: str | None, file: Path, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """URL and headers. raises ValueError when botocore is not installed"""
    try:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError:
        raise ValueError("recordings.upload.s3 needs the extra: pip install metaflow-b2bua[s3]") from None
    credentials = Credentials(bucket.access_key, bucket.secret_key.get_secret_value())
    with file.open("rb") as sound:
        request = AWSRequest("PUT", object_url(bucket, account_id, file), headers=dict(headers), data=sound)
        S3SigV4Auth(credentials, "s3", bucket.region).add_auth(request)
    return str(request.url), {key.lower(): str(value) for key, value in request.headers.items()}

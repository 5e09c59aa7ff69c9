# SPDX-License-Identifier: GPL-3.0-or-later
"""A running service, asked over REST: logging in, asking, and saying in a sentence what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from b2bua.cli.shared import fail

TIMEOUT_S = 10.0
URL = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option("--url", envvar="B2BUA_URL", help="where the service listens")]
ApiKey = Annotated[str | None, typer.Option("--api-key", envvar="B2BUA_API_KEY", show_envvar=True,
                                            help="of the account that asks; better in the environment than here")]
Account = Annotated[str | None, typer.Option("--account", help="this one, or one below it; default: that of the key")]


class Api:
    """Logged in."""

    def __init__(self, url: str, api_key: str | None) -> None:
        if not api_key:
            fail(["no api key: set B2BUA_API_KEY, or use --api-key"])
        self._url, self._headers = url.rstrip("/"), dict[str, str]()
        answer = self._send("PUT", "/v2/api_auth", {"api_key": api_key})
        self._headers["X-Auth-Token"] = answer["auth_token"]
        self.account_id: str = answer["data"]["account_id"]

    def path(self, account: str | None, *parts: str) -> str:
        """Below an account; ids are made safe."""
        return "/".join(["/v2/accounts", *(quote(part, safe="") for part in (account or self.account_id, *parts))])

    def ask(self, method: str, path: str, data: Any = None, **more: Any) -> Any:
        """The `data` of the answer. Ends the command when it is refused."""
        return self._send(method, path, data, **more).get("data")

    def _send(self, method: str, path: str, data: Any, **more: Any) -> dict[str, Any]:
        query, envelope = more.pop("query", None), {"data": data, **more}
        try:
            answer = httpx.request(method, self._url + path, params=query, headers=self._headers, timeout=TIMEOUT_S,
                                   json=None if data is None else envelope)
            body = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fail([f"{self._url}: nobody answers there ({error}); is b2bua running, and is --url right?"], 1)
        except json.JSONDecodeError:
            fail([f"{self._url}{path}: the answer {answer.status_code} is not ours; is --url right?"], 1)
        if not answer.is_success or not isinstance(body, dict):
            fail(list(sentences(answer.status_code, body if isinstance(body, dict) else {})), 1)
        return body


def sentences(status: int, body: Mapping[str, Any]) -> Iterator[str]:
    """What an error answer means, for people."""
    data = body.get("data")
    if status == 401:
        yield "the api key is not accepted"
    elif status == 403:
        yield "that account is neither the one of the api key nor below it"
    elif status == 404:
        cause = data.get("cause") if isinstance(data, dict) else data[0] if isinstance(data, list) and data else None
        yield f"there is no {cause!r}" if cause else _reason(data) or "there is no such thing"
    elif status == 429:
        yield "too many requests; wait a moment"
    elif status == 400 and isinstance(data, dict) and isinstance(data.get("message"), str):
        yield f"refused: {data['message']}"
    elif status == 400 and isinstance(data, dict) and data:
        yield from _mistakes(data)
    else:
        yield f"the service answered {status}: {_reason(data) or body.get('message') or 'no reason given'}"


def _reason(data: Any) -> str | None:
    return str(data["message"]) if isinstance(data, dict) and data.get("message") else None


def _mistakes(data: Mapping[str, Any]) -> Iterator[str]:
    for path, codes in data.items():
        for code, details in codes.items() if isinstance(codes, dict) else ():
            details = details if isinstance(details, dict) else {"message": str(details)}
            target, value = details.get("target"), details.get("value")
            allowed = f" ({', '.join(map(str, target))})" if isinstance(target, list) else ""
            holder = f" by {target}" if code == "unique" else ""
            sent = f" = {value!r}" if code != "required" and isinstance(value, (str, int, float)) else ""
            yield f"{path.replace('%2E', '.')}{sent}: {details.get('message', 'is wrong')}{holder}{allowed}"


def print_json(data: Any) -> None:
    """For programs."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))

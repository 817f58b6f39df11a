"""What an HTTP caller is told when something is wrong: RFC 9457 problem JSON, one shape for all.

Every route answers its errors through here. A problem names the field and the fix; it must never
carry a secret or a body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    field: str | None = None,
    fix: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document (RFC 9457, section 3.1). Its type is about:blank: the status says which.

    `field` is the part of the request that is wrong, `fix` what to send instead.
    """
    document: dict[str, str | int] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    document |= {name: text for name, text in (("field", field), ("fix", fix)) if text is not None}
    return Response(
        json.dumps(document),  # pure ASCII: half a surrogate pair from a sender stays encodable
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


async def http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such route, wrong method) in the same shape.

    For `app.add_exception_handler(HTTPException, http_problem)`.
    """
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)

"""Functions for tests: a zip made of texts, and a role that Lambda may assume."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.conformance.iam.people import fresh

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ECHO = "def handler(event, context):\n    return event\n"


def zipped(**texts: str) -> bytes:
    """Return a zip of modules."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}.py", text)
    return written.getvalue()


def role_for_functions(iam: Any, *, trust: object = TRUST) -> str:
    """Create a role; return its ARN."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn: str = iam.create_role(RoleName=fresh("fn"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
    return arn


def create(client: Any, role: str, code: str = ECHO, **options: Any) -> str:
    """Create a function of one module, app; return its name."""
    given = {"Runtime": "python3.12", "Handler": "app.handler", "Code": {"ZipFile": zipped(app=code)}}
    made = client.create_function(**{"FunctionName": fresh("fn"), "Role": role, **given, **options})
    name: str = made["FunctionName"]
    return name

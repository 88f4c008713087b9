"""`clary attach`: a shell, or any command, inside a running training job."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import click

from clary.cli.account import access
from clary.cli.server import Server, administrator, home_option, need, settings

_PATIENCE = 10  # seconds


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("job")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--host", default="algo-1", show_default=True, metavar="HOST", help="Which of the job's hosts.")
@click.option("--account", metavar="DIGITS", help="The account of the job, if not the server's own.")
@home_option
def command(job: str, words: tuple[str, ...], host: str, account: str | None, home: Path | None) -> None:
    """Open a shell in the running training job JOB, or run COMMAND there.

    It is where the program is: same files, packages, variables, user and limits; when the job ends, it ends.
    Jobs of the server's own account are open to its administrator. One of another account must have been
    created with EnableRemoteDebug. Each attempt is a line of the audit log. The exit code is the command's;
    1 also says that one cannot attach, 3 that no server is running.
    """
    server = need(settings(home).home)
    keys = access(server, account) if account else None
    run = admitted(server, job, keys or administrator(server.home))
    line = [sys.executable, "-m", "clary.runtime.attach", str(server.home.root), run, host, *words]
    os.execv(sys.executable, line)  # noqa: S606 - our own module


def admitted(server: Server, job: str, keys: dict[str, str]) -> str:
    """Return the run to attach to, or end the command with the server's reason."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = f"{server.url}/_clary/attach/{quote(job, safe='')}"
    request = AWSRequest(method="GET", url=url)
    known = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(known, "sagemaker", server.region).add_auth(request)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url, headers=dict(request.headers))  # noqa: S310 - our own gateway
    try:
        with opener.open(asked, timeout=_PATIENCE) as answer:
            run: str = json.load(answer)["Run"]
            return run
    except urllib.error.HTTPError as error:
        raise click.ClickException(json.load(error).get("message", str(error))) from error
    except OSError as error:
        raise click.ClickException(f"The server does not answer: {error}") from error

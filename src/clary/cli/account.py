"""`clary account`: several accounts on one server, by AWS Organizations' own calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clary.cli.profile import check_profile, write_profile
from clary.cli.server import Server, client, console, home_option, need, settings

if TYPE_CHECKING:
    from collections.abc import Callable

ADMINISTRATOR = "administrator"
ACCESS_ROLE = "OrganizationAccountAccessRole"
ID_TAG = "clary:account-id"
CLOSE_TAG = "clary:on-close"
_DIGITS = re.compile(r"\d{12}")


def key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways in which a command hands a key over."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    profile = click.option(
        "--profile", metavar="PROFILE", help="Write the key to ~/.aws as a profile instead of printing it."
    )
    return as_json(profile(function))


@click.group()
def command() -> None:
    """Several accounts on one server.

    Each has its own users, roles, jobs and logs, an administrator, the role SageMakerExecutionRole and a
    default bucket. AWS Organizations' calls do the same: CreateAccount, ListAccounts, CloseAccount.
    """


@command.command()
@click.argument("name")
@click.option("--id", "number", metavar="DIGITS", help="The account's twelve digits. Default: random.")
@click.option("--email", help="Tells accounts apart. Default: made from NAME.")
@key_options
@home_option
def create(
    name: str, number: str | None, email: str | None, as_json: bool, profile: str | None, home: Path | None
) -> None:
    """Make the account NAME and a key of its administrator.

    The key's secret is shown this once; clary account key makes another key.
    """
    server = need(settings(home).home)
    if number is not None and not _DIGITS.fullmatch(number):
        raise click.BadParameter("An account's number has twelve digits.", param_hint="--id")
    check_profile(profile)
    email = email or f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-') or 'account'}@clary.invalid"
    tags = [{"Key": ID_TAG, "Value": number}] if number else []
    made = _asked(client(server, "organizations").create_account, AccountName=name, Email=email, Tags=tags)[
        "CreateAccountStatus"
    ]
    if made["State"] != "SUCCEEDED":
        reason = "Another account has its email address; give one with --email."
        if made.get("FailureReason") != "EMAIL_ALREADY_EXISTS":
            reason = str(made.get("FailureReason"))
        raise click.ClickException(f"The account {name} was not made. {reason}")
    _hand_over(server, name, _new_key(server, made["AccountId"], replace=False), as_json, profile)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
def list_(as_json: bool, home: Path | None) -> None:
    """List all accounts, closed ones too. The first is the server's own, which manages the others."""
    server = need(settings(home).home)
    found = sorted(accounts(server), key=lambda one: (one["Id"] != server.account, one["Name"]))
    told = [{name: one[name] for name in ("Id", "Name", "Email", "Status")} for one in found]
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    out = console()
    for one in told:
        colour = "green" if one["Status"] == "ACTIVE" else "yellow"
        out.print(f"{one['Id']}  [{colour}]{one['Status']:<9}[/]  {one['Name']}", soft_wrap=True)


@command.command()
@click.argument("account")
@click.option("--replace", is_flag=True, help="Delete the administrator's other keys first.")
@key_options
@home_option
def key(account: str, replace: bool, as_json: bool, profile: str | None, home: Path | None) -> None:
    """Make another key of the administrator of ACCOUNT, a name or twelve digits."""
    server = need(settings(home).home)
    check_profile(profile)
    found = _find(server, account)
    made = _new_key(server, found["Id"], replace=replace)
    _hand_over(server, found["Name"], made, as_json, profile)


@command.command()
@click.argument("account")
@click.option("--force", is_flag=True, help="Destroy what the account still holds.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@home_option
def delete(account: str, force: bool, yes: bool, home: Path | None) -> None:
    """Close ACCOUNT, a name or twelve digits. Refused while it holds anything, unless --force is given.

    Its keys and sessions end at once and its number is never given again.
    """
    server = need(settings(home).home)
    found = _find(server, account)
    organizations = client(server, "organizations")
    try:
        organizations.close_account(AccountId=found["Id"])
    except organizations.exceptions.ConflictException as error:
        told = error.response["Error"]["Message"].partition(" Delete them,")[0]
        if not force:
            raise click.ClickException(f"{told} --force destroys all of it.") from error
        click.echo(f"{told} All of it will be destroyed.")
        if not yes:
            click.confirm("Go on?", abort=True)
        tag = {"Key": CLOSE_TAG, "Value": "destroy"}
        _asked(organizations.tag_resource, ResourceId=found["Id"], Tags=[tag])
        _asked(organizations.close_account, AccountId=found["Id"])
    except organizations.exceptions.ClientError as error:
        raise click.ClickException(error.response["Error"]["Message"]) from error
    console().print(f"The account {found['Name']} ({found['Id']}) is closed.", soft_wrap=True)


def accounts(server: Server) -> list[dict[str, Any]]:
    """Return all accounts as ListAccounts answers them, closed ones too."""
    pages = client(server, "organizations").get_paginator("list_accounts").paginate()
    return [one for page in pages for one in page["Accounts"]]


def access(server: Server, account: str) -> dict[str, str] | None:
    """Return keys for an account as the management account has them on AWS: of its access role.

    None stands for the server's own account, whose administrator needs no others.
    """
    if account == server.account:
        return None
    role = f"arn:aws:iam::{account}:role/{ACCESS_ROLE}"
    session = _asked(client(server, "sts").assume_role, RoleArn=role, RoleSessionName=ADMINISTRATOR)
    keys: dict[str, str] = session["Credentials"]
    return keys


def _find(server: Server, account: str) -> dict[str, Any]:
    """Return the open account of that name or number."""
    field = "Id" if _DIGITS.fullmatch(account) else "Name"
    found = [one for one in accounts(server) if one[field] == account and one["Status"] != "SUSPENDED"]
    if not found:
        raise click.ClickException(f"There is no open account {account}; see clary account list.")
    if len(found) > 1:
        numbers = ", ".join(one["Id"] for one in found)
        raise click.ClickException(f"Several accounts are called {account}: {numbers}. Give the number.")
    return found[0]


def _new_key(server: Server, account: str, *, replace: bool) -> dict[str, str]:
    keys = access(server, account)
    iam = client(server, "iam", keys)
    if replace and keys is None:
        raise click.ClickException("The server's own administrator keeps its key; --replace is for others.")
    old = iam.list_access_keys(UserName=ADMINISTRATOR)["AccessKeyMetadata"] if replace else []
    for one in old:
        _asked(iam.delete_access_key, UserName=ADMINISTRATOR, AccessKeyId=one["AccessKeyId"])
    made = _asked(iam.create_access_key, UserName=ADMINISTRATOR)["AccessKey"]
    return {
        "Account": account,
        "AccessKeyId": made["AccessKeyId"],
        "SecretAccessKey": made["SecretAccessKey"],
        "Region": server.region,
        "EndpointUrl": server.url,
    }


def _hand_over(server: Server, name: str, made: dict[str, str], as_json: bool, profile: str | None) -> None:
    """Give the key to the user: into a profile, or on standard output, this once."""
    if profile is not None:
        files = write_profile(profile, made)
        shown = {"Account": made["Account"], "AccessKeyId": made["AccessKeyId"], "Profile": profile}
        if as_json:
            click.echo(json.dumps(shown, indent=2))
        else:
            click.echo(f"{name} ({made['Account']}): profile {profile} is written to {' and '.join(files)}")
        return
    if as_json:
        click.echo(json.dumps(made, indent=2))
        return
    click.echo(f"Account {made['Account']}, {name}. The secret is shown this once:\n")
    exports = {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_DEFAULT_REGION": made["Region"],
        "AWS_ENDPOINT_URL": made["EndpointUrl"],
    }
    for variable, value in exports.items():
        click.echo(f"export {variable}={value}")


def _asked(call: Callable[..., dict[str, Any]], **members: object) -> dict[str, Any]:
    """Make a call; its refusal ends the command in the server's words."""
    from botocore.exceptions import ClientError

    try:
        return call(**members)
    except ClientError as error:
        raise click.ClickException(error.response["Error"]["Message"]) from error

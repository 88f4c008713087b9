"""The password policy of an account; there is one at most."""

from clary.resources.registry import register
from clary.resources.spec import Resource

PASSWORD_POLICY = register(
    Resource(kind="PasswordPolicy", service="iam", arn="password-policy/{Name}", identity=("Name",))
)

"""The secret store on Parameter Store returns a secret or None, or raises the port's error."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.ports.secrets import SecretsError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

NAME = "/greenstream/dev/entsoe/ENTSOE_API_KEY"


@pytest.fixture
def client() -> "SSMClient":
    return boto3.client(
        "ssm",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def parameter_store(client: "SSMClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def secrets(client: "SSMClient") -> SsmSecrets:
    return SsmSecrets(SSMProvider(boto3_client=client))


def stored(value: str) -> dict[str, dict[str, str]]:
    return {"Parameter": {"Name": NAME, "Type": "SecureString", "Value": value}}


def test_a_secret_is_decrypted_and_stripped(parameter_store: Stubber, secrets: SsmSecrets) -> None:
    asked = {"Name": NAME, "WithDecryption": True}
    parameter_store.add_response("get_parameter", stored(" key \n"), asked)
    assert secrets.get(NAME) == "key"


def test_a_blank_secret_is_none(parameter_store: Stubber, secrets: SsmSecrets) -> None:
    parameter_store.add_response("get_parameter", stored(" \n"))
    assert secrets.get(NAME) is None


def test_a_secret_that_does_not_exist_is_none(
    parameter_store: Stubber, secrets: SsmSecrets
) -> None:
    parameter_store.add_client_error("get_parameter", "ParameterNotFound")
    assert secrets.get(NAME) is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "Oops"])
def test_a_refusal_is_the_error_of_the_port_and_names_the_secret(
    parameter_store: Stubber, secrets: SsmSecrets, code: str
) -> None:
    parameter_store.add_client_error("get_parameter", code)
    with pytest.raises(SecretsError, match=rf"{NAME} cannot be read: .*{code}") as refused:
        secrets.get(NAME)
    assert isinstance(refused.value.__cause__, ClientError)

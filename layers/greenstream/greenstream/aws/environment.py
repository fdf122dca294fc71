"""What a collector runs with on Lambda: the table, the log, and a provider's settings."""

import os
from dataclasses import dataclass
from typing import Self

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.ports.provider import ProviderConfig


@dataclass(frozen=True, slots=True)
class CollectorEnvironment:
    """The store, the telemetry and the configuration of one provider's function.

    It is made once for each process, at the start, since the client costs more than many requests.
    """

    store: DynamoStore
    telemetry: PowertoolsTelemetry
    config: ProviderConfig

    @classmethod
    def of(cls, provider: str, *, secrets_of: str | None = None) -> Self:
        """Make the environment of a provider, by its name in the zone table.

        ``secrets_of`` names the provider whose stored secrets it reads, if they are not its own.

        Raises
        ------
        greenstream.ports.settings.SettingsError
            When a variable that every function needs is missing or has no valid value.
        """
        settings, secrets, telemetry = Settings.from_env(), SsmSecrets(), PowertoolsTelemetry()
        store = DynamoStore(dynamodb_client(), settings.table_name, clock=utc_now)
        return cls(
            store=store,
            telemetry=telemetry,
            config=ProviderConfig(
                environ=os.environ,
                clock=utc_now,
                telemetry=telemetry,
                secret=lambda name: secret(secrets_of or provider, name, settings, secrets),
                newest=lambda: store.snapshot().readings,
                history=store.history,
                profiles=store.profiles,
                simulated=settings.simulated,
            ),
        )

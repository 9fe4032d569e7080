"""Says which Kafka a project works on, starting the local one where no cluster is given."""

import asyncio
import ssl
from dataclasses import dataclass

from pydantic import SecretStr

from handrail.bus.local_broker import LocalBroker
from handrail.bus.progress import Progress
from handrail.bus.settings import BrokerSettings, Settings
from handrail.errors.settings import SettingsClash


@dataclass(frozen=True, slots=True)
class Connection:
    """How a client reaches the broker; what is None does not apply. The password is not shown."""

    bootstrap: str
    security: str
    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Show where, not the secret."""
        return f"Connection({self.bootstrap!r}, {self.security})"


async def broker_for(settings: Settings, progress: Progress | None = None) -> str:
    """Give the bootstrap address: the given cluster's, else that of the local Kafka, started.

    A given cluster is not asked here. Raises the errors of `LocalBroker.start`.
    """
    if settings.broker.bootstrap is not None:
        return settings.broker.bootstrap
    broker = LocalBroker(settings.project_dir, progress=progress)
    return (await asyncio.to_thread(broker.start)).bootstrap


def known_broker(settings: Settings) -> str | None:
    """Give the bootstrap address if there is one now; starts nothing."""
    if settings.broker.bootstrap is not None:
        return settings.broker.bootstrap
    running = LocalBroker(settings.project_dir).running()
    return running.bootstrap if running else None


def connection_for(settings: Settings, bootstrap: str) -> Connection:
    """Give everything that a client needs to connect; the local Kafka is never secured.

    Raises SettingsClash when a certificate or a key cannot be read.
    """
    broker = settings.broker
    if broker.bootstrap is None:
        return Connection(bootstrap, "PLAINTEXT")
    by_password = broker.security.by_password
    secret = broker.sasl_password if by_password else None
    return Connection(
        bootstrap,
        broker.security.value,
        tls=_tls(broker) if broker.security.encrypted else None,
        mechanism=broker.sasl_mechanism.value if by_password else None,
        username=broker.sasl_username if by_password else None,
        password=_as_read(secret) if secret else None,
    )


def _as_read(secret: SecretStr) -> str:
    """Give a secret as it is meant: without the white space that files and copies end in."""
    return secret.get_secret_value().rstrip()


def _tls(broker: BrokerSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.tls_ca)
    except (ssl.SSLError, OSError) as error:
        reason = f"{broker.tls_ca} holds no certificate of an authority: {error}."
        raise SettingsClash(key="broker.tls_ca", reason=reason) from error
    if broker.tls_cert is not None:
        secret = broker.tls_key_password
        # Without a password of ours OpenSSL would ask on the terminal for that of a locked key.
        password = _as_read(secret) if secret else ""
        try:
            context.load_cert_chain(broker.tls_cert, broker.tls_key, password=password)
        except (ssl.SSLError, OSError) as error:
            reason = f"{broker.tls_cert} and its key cannot be used: {error}."
            raise SettingsClash(key="broker.tls_cert", reason=reason) from error
    return context

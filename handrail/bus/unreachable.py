"""Says in plain words why no Kafka answers at an address.

The client says only that it found no broker. Whoever reads that wants to know whether the name is
wrong, nothing runs there, or something runs there that wants to be spoken to differently; each has
another cure. Every sentence is about this moment: the next try may find something else.
"""

import asyncio
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager

PORT_DEFAULT = 9092
TRY_S = 2.0

#: aiokafka 0.14 logs why a connection failed and leaves it out of the error that it raises.
CLIENT_LOGGER = "aiokafka"
CLIENT_SAYS = "Unable connect to"


@contextmanager
def words_of_the_client() -> Generator[list[str]]:
    """Collect what the client logs of failed connections, instead of showing it beside our words.

    What other connections of this process fail with in the meantime is collected, too.
    """
    heard: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if not text.startswith(CLIENT_SAYS):
            return True
        heard.append(text)
        return False

    logger = logging.getLogger(CLIENT_LOGGER)
    logger.addFilter(keep)
    try:
        yield heard
    finally:
        logger.removeFilter(keep)


async def why_unreachable(bootstrap: str, heard: list[str]) -> str:
    """Try each address of `HOST:PORT[,HOST:PORT…]` once more and say what became of it.

    Opens a connection and sends nothing. `heard` is what the client said, and is given only where
    the address itself is in order. Takes at most 2 s, however many addresses there are.
    """
    addresses = [address.strip() for address in bootstrap.split(",") if address.strip()]
    found = await asyncio.gather(*(_why(address) for address in addresses))
    reasons = dict.fromkeys(found)
    if None not in reasons and len(reasons) == 1:
        return f"{found[0]}."
    if None not in reasons:
        return "; ".join(f"{a}: {why}" for a, why in zip(addresses, found, strict=True)) + "."
    said = f" ({heard[-1]})" if heard else ""
    return f"something is listening there, but does not answer this client as Kafka does{said}."


async def _why(address: str) -> str | None:
    """Say why an address takes no connection; None when it does."""
    host, port = _parts(address)
    try:
        async with asyncio.timeout(TRY_S):
            _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        return f"no machine is known here by the name {host}"
    except TimeoutError:
        return f"nothing answers there within {TRY_S:.0f} s"
    except ConnectionRefusedError:
        return "nothing is listening on that address"
    except OSError as error:
        # A name with several addresses fails with all their reasons in one error.
        refused = "Connect call failed" in str(error)
        return "nothing is listening on that address" if refused else str(error)
    writer.close()
    return None


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return address, PORT_DEFAULT
    return host.strip("[]"), int(port)

"""Run the simulated providers with ``python -m infra.local.upstream``."""

import argparse
import asyncio
import signal
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from infra.local.processes import write_whole
from infra.local.upstream.providers import PROVIDERS
from infra.local.upstream.server import Clock, Upstream, log

HOST = "127.0.0.1"


def running_clock(start: datetime | None, speed: float) -> Clock:
    """Return a clock that starts at ``start`` (or now) and runs at ``speed`` times real time."""
    began = time.monotonic()
    origin = start or datetime.now(UTC)
    if start is None and speed == 1:
        return lambda: datetime.now(UTC)
    return lambda: origin + timedelta(seconds=(time.monotonic() - began) * speed)


def utc_instant(text: str) -> datetime:
    """Parse an ISO 8601 time that has an offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no offset; write it like 2026-01-31T12:00Z")
    return at.astimezone(UTC)


def certificate_authority(ca_dir: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate authority and a certificate for the https origins.

    Returns
    -------
    tuple of ssl.SSLContext and Path
        The server's TLS context, and the file with the authority's certificate for clients.
    """
    hosts = sorted(
        origin.removeprefix("https://")
        for provider in PROVIDERS
        for origin in provider.origins
        if origin.startswith("https://")
    )
    authority = trustme.CA(organization_name="GreenStream simulated providers")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    ca_dir.mkdir(parents=True, exist_ok=True)
    bundle = ca_dir.resolve() / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    return context, bundle


async def run(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tls, bundle = certificate_authority(arguments.ca_dir)
    upstream = Upstream(PROVIDERS, running_clock(arguments.start, arguments.speed), tls)
    port = await upstream.listen(HOST, arguments.port)
    base_url = f"http://{HOST}:{port}"
    ready = {"port": port, "base_url": base_url, "proxy_url": base_url, "ca_bundle": str(bundle)}
    write_whole(arguments.ready_file, ready)
    log(f"the simulated providers listen on {base_url}")
    await stop.wait()
    log("the simulated providers have stopped")


def main() -> None:
    """Parse the command line and serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.upstream", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="the port to listen on; 0 chooses a free one"
    )
    parser.add_argument(
        "--ready-file",
        type=Path,
        required=True,
        help="the JSON file that is written when the server is ready",
    )
    parser.add_argument(
        "--ca-dir", type=Path, required=True, help="the folder in which ca.pem is written"
    )
    parser.add_argument(
        "--start",
        type=utc_instant,
        help="the simulated time at the start, as ISO 8601 with an offset",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="how many simulated seconds pass per second"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

"""Run the simulated providers: ``python -m infra.local.upstream --port 0 …``."""

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
    """Give the real UTC clock, or one that starts at ``start`` and runs ``speed`` times as fast."""
    began = time.monotonic()
    origin = start or datetime.now(UTC)
    if start is None and speed == 1:
        return lambda: datetime.now(UTC)
    return lambda: origin + timedelta(seconds=(time.monotonic() - began) * speed)


def utc_instant(text: str) -> datetime:
    """Read an ISO time that names its offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} names no offset; write 2026-01-31T12:00Z")
    return at.astimezone(UTC)


def certificate_authority(ca_dir: Path) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a certificate for the https origins; write the bundle to trust."""
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
    log(f"simulated providers on {base_url}")
    await stop.wait()
    log("stopped")


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="JSON, written when ready")
    parser.add_argument("--ca-dir", type=Path, required=True, help="where ca.pem is written")
    parser.add_argument("--start", type=utc_instant, help="simulated time at start (ISO, offset)")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

"""The Worker: what it adds to a visit, how often it calls the router, and the cost of failures.

infra/worker/bench takes the measurements in the Worker's own runtime, workerd; a pass-through
Worker in the same run is the floor. With ``--router-url`` the Worker calls a running router,
otherwise a stand-in that answers in the router's format.
"""

import argparse
import subprocess
import sys

from infra.local.deploying import ROOT
from infra.local.worker import NODE, WORKER_DIR


def main() -> int:
    """Run the measurements and return the exit code: not 0 when a figure misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--router-url", help="as stack.json has it; a router that takes anyone")
    router_url: str | None = parser.parse_args().router_url
    subprocess.run(["make", "--silent", "worker-tools"], cwd=ROOT, check=True)
    codes = [
        subprocess.run([NODE, f"bench/{script}.ts", *arguments], cwd=WORKER_DIR, check=False)
        for script, arguments in (
            ("wire", []),
            ("calls", [router_url] if router_url else []),
            ("failures", []),
        )
    ]
    return max(code.returncode for code in codes)


if __name__ == "__main__":
    sys.exit(main())

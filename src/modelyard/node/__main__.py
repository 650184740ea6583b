"""`python -m modelyard.node --home DIR [--port N]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from modelyard.node.agent import TRUST_FILE, Agent, NodeBusy
from modelyard.node.settings import load_settings

TRUST_LOOK_S = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(prog="modelyard.node", description="Runs models on this machine.")
    parser.add_argument("--home", type=Path, default=Path(".modelyard"))
    parser.add_argument("--port", type=int)
    parser.add_argument(
        "--await-trust", action="store_true", help="Wait until this node is enrolled, instead of failing."
    )
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args()
    logging.basicConfig(
        level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(options.home, options.port, await_trust=options.await_trust))
    except (NodeBusy, FileNotFoundError, ValueError) as problem:
        print(f"modelyard node: {problem}", file=sys.stderr)
        return 2
    return 0


async def _run(home: Path, port: int | None, *, await_trust: bool) -> None:
    settings = load_settings(home, port)
    # At a first start the control plane of this machine is about to write it.
    while await_trust and not (settings.node_dir / TRUST_FILE).exists():  # noqa: ASYNC110 a file tells no event
        await asyncio.sleep(TRUST_LOOK_S)
    agent = Agent(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.request_stop)
    await agent.run()


if __name__ == "__main__":
    sys.exit(main())

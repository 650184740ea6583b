"""Envoy's admin interface, which listens on a private Unix socket only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx


class EnvoyAdmin:
    """Asks one Envoy. Raises httpx.HTTPError when it is away."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = str(socket_path)

    async def reopen_logs(self) -> None:
        await self._ask("POST", "/reopen_logs")

    async def drain(self) -> None:
        """Stops listening and asks kept connections to close; requests under way go on."""
        await self._ask("POST", "/drain_listeners?graceful&skip_exit")

    async def statistics(self, *names: str) -> dict[str, int]:
        pattern = "|".join(name.replace(".", r"\.") for name in names)
        answer = await self._ask("GET", f"/stats?format=json&filter=^({pattern})$")
        found: dict[str, Any] = answer.json()
        return {entry["name"]: int(entry["value"]) for entry in found["stats"] if "value" in entry}

    async def _ask(self, method: str, path: str) -> httpx.Response:
        transport = httpx.AsyncHTTPTransport(uds=self._socket_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=5) as client:
            answer = await client.request(method, path)
            answer.raise_for_status()
            return answer

"""Code that calls an endpoint, ready to be pasted: rendered here for the API, the pages and the OpenAPI document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

TOKEN_VARIABLE = "MODELYARD_TOKEN"  # noqa: S105 the name of an environment variable


@dataclass(frozen=True, slots=True)
class Snippet:
    """`language` as highlighters and OpenAPI's x-codeSamples name it."""

    language: str
    label: str
    source: str


def render_snippets(url: str, rows: list[dict[str, Any]]) -> list[Snippet]:
    """`url` is the endpoint's own, without `/predict`; `rows` are examples that its schema takes. The token comes from
    the environment, so that nobody pastes one into a file."""
    body = json.dumps({"rows": rows}, ensure_ascii=False)
    return [
        Snippet("Shell", "curl", _curl(url, body)),
        Snippet("Python", "Python", _python(url, rows)),
        Snippet("JavaScript", "JavaScript", _javascript(url, body)),
        Snippet("Java", "Java", _java(url, body)),
    ]


def _curl(url: str, body: str) -> str:
    quoted = body.replace("'", "'\\''")
    return (
        f'curl -sS -H "Authorization: Bearer ${TOKEN_VARIABLE}" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d '{quoted}' \\\n  '{url}/predict'\n"
    )


def _python(url: str, rows: list[dict[str, Any]]) -> str:
    return f"""import json
import os
import urllib.request

rows = {rows!r}
request = urllib.request.Request(
    {url + "/predict"!r},
    data=json.dumps({{"rows": rows}}).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ["{TOKEN_VARIABLE}"],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.load(answer)["predictions"])
"""


def _javascript(url: str, body: str) -> str:
    return f"""const answer = await fetch({json.dumps(url + "/predict")}, {{
  method: "POST",
  headers: {{
    "Authorization": `Bearer ${{process.env.{TOKEN_VARIABLE}}}`,
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({body}),
}});
if (!answer.ok) throw new Error(await answer.text());
console.log((await answer.json()).predictions);
"""


def _java(url: str, body: str) -> str:
    return f"""import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Predict {{
    public static void main(String[] args) throws Exception {{
        String body = {json.dumps(body)};
        HttpRequest request = HttpRequest.newBuilder(URI.create({json.dumps(url + "/predict")}))
            .header("Authorization", "Bearer " + System.getenv("{TOKEN_VARIABLE}"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer = HttpClient.newHttpClient()
            .send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.body());
    }}
}}
"""

"""Ready code for asking, in curl and Python."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unshelve.web.views.people import Recipe


def recipes(address: str, row: Mapping[str, object]) -> tuple[Recipe, ...]:
    """The same request in several languages. The key is never written in: it comes from the environment."""
    body = msgspec.json.format(msgspec.json.encode({"rows": [row]}), indent=2).decode()
    return (
        Recipe(title="curl", code=_curl(address, body)),
        Recipe(title="Python", code=_python(address, body)),
    )


def _curl(address: str, body: str) -> str:
    quoted = body.replace("'", "'\\''")
    return (
        f"curl -X POST {address} \\\n"
        '  -H "Authorization: Bearer $UNSHELVE_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{quoted}'"
    )


def _python(address: str, body: str) -> str:
    literal = body.replace(": true", ": True").replace(": false", ": False").replace(": null", ": None")
    return (
        "import os\n"
        "import httpx\n\n"
        "response = httpx.post(\n"
        f'    "{address}",\n'
        '    headers={"Authorization": f"Bearer {os.environ[\'UNSHELVE_KEY\']}"},\n'
        f"    json={_indented(literal)},\n"
        ")\n"
        "response.raise_for_status()\n"
        'print(response.json()["answers"])'
    )


def _indented(text: str) -> str:
    first, *rest = text.splitlines()
    return "\n".join([first, *(f"    {line}" for line in rest)])

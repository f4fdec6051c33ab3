"""The demo: brings the flights solution up from its data, or with --notebook a notebook: lifted, proven and served.

With --check it asks once, prints the answers and stops.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "flights"
FLIGHTS = ("flights.lateness", "flights.delay", "flights.advice")
NOTEBOOK = HERE / "notebooks" / "churn" / "churn.ipynb"
FLIGHT = {
    "departs": "2013-12-23T19:10:00",
    "carrier": "EV",
    "origin": "EWR",
    "dest": "DCA",
    "tailnum": "N14228",
}
"""The weather is not asked for: it is looked up by airport and hour."""
CUSTOMER = {
    "female": 1,
    "senior_citizen": 0,
    "partner": 0,
    "dependents": 0,
    "tenure": 3,
    "phone_service": 1,
    "multiple_lines": "No",
    "internet_service": "Fiber optic",
    "online_security": "No",
    "online_backup": "No",
    "device_protection": "No",
    "tech_support": "No",
    "streaming_tv": "Yes",
    "streaming_movies": "Yes",
    "contract": "Month-to-month",
    "paperless_billing": 1,
    "payment_method": "Electronic check",
    "monthly_charges": 89.5,
    "total_charges": "262.3",
}
"""The customer that the author typed in at the end, as the file has it: total charges are text there, some blank."""


def main() -> int:
    """Run the demo; 0 when all was right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--notebook", action="store_true")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    if given.notebook:
        subprocess.run([sys.executable, str(HERE / "notebooks" / "fetch.py")], check=True, stdout=subprocess.DEVNULL)
    brought = NOTEBOOK if given.notebook else FOLDER
    command = [sys.executable, "-m", "unshelve.cli.main", "up", str(brought), "--port", str(given.port)]
    if not given.check:
        return subprocess.call(command)
    start = time.monotonic()
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as up:
        try:
            said = json.loads(up.stdout.readline() if up.stdout else "{}")
            if not said.get("ready"):
                print(f"It did not become ready: {said}", file=sys.stderr)
                return 1
            print(f"Ready at {said['url']} after {time.monotonic() - start:.1f} s")
            asked = {"churn.churn_model": CUSTOMER} if given.notebook else dict.fromkeys(FLIGHTS, FLIGHT)
            right = ask(said["url"], said["sign_in"], asked)
        finally:
            up.terminate()
            code = up.wait(timeout=60)
    print(f"Stopped after {time.monotonic() - start:.1f} s with {code}")
    return 0 if right and code == 0 else 1


def ask(url: str, link: str, rows: dict[str, dict[str, object]]) -> bool:
    """Sign in by the link as a browser does, make an API key, and ask each model or endpoint for one row."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    browser.open(link).read()
    page = browser.open(urllib.request.Request(link, data=b"", headers={"origin": url})).read().decode()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    if token is None:
        print("Signing in failed.", file=sys.stderr)
        return False
    made = urllib.request.Request(
        f"{url}/api/keys",
        data=json.dumps({"name": "demo", "role": "user"}).encode(),
        headers={"content-type": "application/json", "origin": url, "x-csrf-token": token[1]},
    )
    key = json.load(browser.open(made))["key"]
    for model, row in rows.items():
        asked = urllib.request.Request(
            f"{url}/api/models/{model}/predict",
            data=json.dumps({"rows": [row]}).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {key}"},
        )
        answer = json.load(urllib.request.urlopen(asked))
        print(f"{model}: {json.dumps(answer['answers'][0])}")
    return True


if __name__ == "__main__":
    sys.exit(main())

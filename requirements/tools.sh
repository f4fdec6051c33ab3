#!/bin/sh
# Installs what only tests need from Debian: Chromium for the pages. Says so clearly when it may not.
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests of the pages need Chromium. Install it (on Debian: apt-get install chromium) and run again." >&2
    exit 1
fi
echo "Installing Chromium for the tests of the pages …"
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null

#!/bin/sh
# Installs what only tests need and PyPI does not have: Chromium for the pages, Azurite for the blob stores.
# Says so clearly when it may not. The argument is the virtual environment, into which Azurite goes.
here=$(dirname "$0")

if [ -n "$1" ] && [ ! -f "$1/azurite/node_modules/azurite/package.json" ]; then
    if command -v npm >/dev/null 2>&1; then
        echo "Installing Azurite for the tests of blob stores …"
        mkdir -p "$1/azurite" && cp "$here"/azurite/package*.json "$1/azurite/" &&
            (cd "$1/azurite" && npm ci --ignore-scripts --no-audit --no-fund --silent) || exit 1
    else
        echo "npm is not here, so blob stores are not tested against Azurite. All other servers come from PyPI." >&2
    fi
fi

missing=""
command -v chromium >/dev/null 2>&1 || missing="chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    case "$missing" in
        *chromium*) echo "The tests of the pages need Chromium. Install it (on Debian: apt-get install chromium) and run again." >&2; exit 1 ;;
    esac
    echo "PostgreSQL is not installed (on Debian: apt-get install postgresql); the tests use the one in the package pgserver." >&2
    exit 0
fi
echo "Installing for the tests:$(echo " $missing" | tr -s ' ') …"
# The server is for tests alone, which start their own: none is to be running beside them.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
apt-get update -qq
# shellcheck disable=SC2086 - a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/dev/null

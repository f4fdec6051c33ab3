#!/bin/sh
# Installs what only tests need from Debian: Chromium for the pages, PostgreSQL, MariaDB. Says so when it may not.
# Azurite, which speaks Azure's protocol, comes by npm.
here=$(dirname "$0")/node
if [ ! -e "$here/node_modules/.package-lock.json" ] || [ "$here/package-lock.json" -nt "$here/node_modules/.package-lock.json" ]; then
    if command -v npm >/dev/null 2>&1; then
        echo "Installing for the tests: Azurite …"
        (cd "$here" && npm ci --silent --no-audit --no-fund) && touch "$here/node_modules/.package-lock.json"
    else
        echo "The tests of Azure's blobs need node and npm. Install them (on Debian: apt-get install npm) and run again." >&2
        exit 1
    fi
fi
missing=""
command -v chromium >/dev/null 2>&1 || missing="chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
{ command -v mariadb-install-db && [ -x /usr/sbin/mariadbd ]; } >/dev/null 2>&1 || missing="$missing mariadb-server-core mariadb-client-core"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    case "$missing" in
        *chromium*) echo "The tests of the pages need Chromium. Install it (on Debian: apt-get install chromium) and run again." >&2; exit 1 ;;
    esac
    echo "Not installed (on Debian: apt-get install$missing): without PostgreSQL the tests use the one in the package" >&2
    echo "pgserver, and without MariaDB they leave it out." >&2
    exit 0
fi
echo "Installing for the tests:$(echo " $missing" | tr -s ' ') …"
# The server is for tests alone, which start their own: none is to be running beside them.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
apt-get update -qq
# shellcheck disable=SC2086 - a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/dev/null

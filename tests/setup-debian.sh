#!/bin/sh
# Installs a Debian package that a test needs, unless its command is there: setup-debian.sh COMMAND PACKAGE
set -eu
command -v "$1" >/dev/null && exit 0
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null

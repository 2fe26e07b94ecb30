#!/bin/sh
# Installs the servers and databases that Tidemill is measured against into the directory $1, once.
set -eu

peers=$1
mkdir -p "$peers"
[ -x "$peers/bin/ferrokinesis" ] || cargo install --quiet --version 0.7.0 --root "$peers" --target-dir "$peers/target" ferrokinesis
[ -d "$peers/node_modules/kinesis-local" ] || npm install --prefix "$peers" --no-audit --no-fund --silent kinesalite@3.3.3 kinesis-local@0.6.2
[ -x "$peers/venv/bin/moto_server" ] || {
    python3 -m venv "$peers/venv"
    "$peers/venv/bin/pip" install --quiet 'moto[server,kinesis]==5.2.5'
}
"$peers/venv/bin/python" -c 'import boto3, chdb, duckdb, psycopg, pyarrow' 2>/dev/null ||
    "$peers/venv/bin/pip" install --quiet boto3 chdb duckdb 'psycopg[binary]' pyarrow

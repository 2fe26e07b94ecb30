#!/bin/sh
# Compiles the workspace's own crates with the coverage that libFuzzer is led by; libraries stay as they are.
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table

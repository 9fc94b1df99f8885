#!/bin/sh
# Cargo calls this in place of rustc for the crates of the workspace (RUSTC_WORKSPACE_WRAPPER), which
# get the counters that libFuzzer steers by. What they depend on is shared with every other build: what
# is generic in it (serde, serde_json, toml's deserializer) is compiled into our crates anyway, and has
# counters too. Not optimised, since that takes longer to compile than it saves in a minute; without
# tables of lines, since a panic names its place by itself. The flags are those of cargo-fuzz, without a
# sanitizer. Cargo does not look in here: after a change, `touch crates/domain/src/lib.rs`.
case "$CARGO_PKG_NAME" in
    twins | testkit | xtask) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebuginfo=0

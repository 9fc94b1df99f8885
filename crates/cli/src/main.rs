//! `habeas`: see `lib`.

use std::process::ExitCode;

/// Much of the work is small values that live for one call, on several threads. ARCHITECTURE.md compares
/// allocators; `.cargo/config.toml` sets this one up.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    habeas::main()
}

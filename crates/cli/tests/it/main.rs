//! The real program against the twin, over real sockets, as an operator would use it.

mod demo;
mod exits;
mod holders;
mod way;
mod world;

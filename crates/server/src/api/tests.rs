//! The API as programs see it: real store, real engine types, requests through the whole router.

mod config;
mod document;
mod events;
mod metrics;
mod files;
mod office;
mod people;
mod requests;

//! The API as programs see it: real store, real engine types, requests through the whole router.

mod config;
mod document;
mod events;
mod files;
mod metrics;
mod office;
mod people;
mod requests;

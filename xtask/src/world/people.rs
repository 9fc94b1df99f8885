//! The people of a world: whom the twin has invented, requests for them, and what became of them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::World;
use crate::http;

/// One of the twin's regular people.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Person {
    /// Their number in the population.
    pub n: usize,
    /// Their address.
    pub email: String,
    /// Their id.
    pub user_id: String,
}

impl World {
    /// So many of the people, from the first or from a later one on.
    pub fn people(&self, from: usize, n_people: usize) -> Result<Vec<Person>> {
        let path = format!("/population/segment?offset={from}&limit={n_people}");
        let url = format!("{}{path}", self.control_url()?);
        let answer = http::call("GET", &url, &[], "")?;
        let people: Result<Vec<Person>, _> =
            answer.body.lines().map(serde_json::from_str).collect();
        let people = people.context("read the population")?;
        ensure!(people.len() == n_people, "the twin has only {} people", people.len());
        Ok(people)
    }

    /// Writes a file of requests under `name`; a row is made of a right and a person.
    pub fn write_csv<'a>(
        &self,
        name: &str,
        column: &str,
        rows: impl IntoIterator<Item = (&'a str, &'a Person)>,
    ) -> Result<PathBuf> {
        let mut text = format!("right,external_id,{column}\n");
        for (right, person) in rows {
            let value = if column == "user_id" { &person.user_id } else { &person.email };
            writeln!(text, "{right},{right}-{},{value}", person.n).context("write a row")?;
        }
        let path = self.folder.join(name);
        fs::write(&path, text).context("write the file of requests")?;
        Ok(path)
    }

    /// Whether the twin still shows a profile for this person in its first space.
    pub fn is_present(&self, person: &Person) -> Result<bool> {
        let segment = &self.addresses["segment"];
        let base = segment["base_urls"]["profile_api"].as_str().context("no profile API")?;
        let space = &segment["credentials"]["full"]["spaces"][0];
        let id = space["space_id"].as_str().context("the twins told no space")?;
        let token = space["profile_token"].as_str().context("the twins told no token")?;
        let key = format!("user_id:{}", person.user_id);
        let url = format!("{base}/v1/spaces/{id}/collections/users/profiles/{key}/external_ids");
        let authorization = format!("authorization: Basic {}", BASE64.encode(format!("{token}:")));
        let answer = http::call("GET", &url, &[&authorization], "")?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            other => bail!("the twin doesn't say whether somebody is there: {other}"),
        }
    }
}

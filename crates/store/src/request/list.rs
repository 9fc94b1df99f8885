//! Pages of requests. Each filter goes along an index of its own, so that a page costs the same however
//! many requests the history holds, and never more than what fits is read.
//!
//! Where several indexes have a share in what fits, each gives a page and the pages are merged. What
//! else is asked for is compared row by row: along the index that leaves the fewest rows to compare.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ConnectionId, Instant, Request, RequestId, RequestState, Right};

use super::{BRAND_END, brand_list, columns};
use crate::db::{Value, values};
use crate::error::StoreError;
use crate::store::Store;
use crate::task::word_list;

/// Which requests to list. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// In one of these states; any if empty.
    pub states: Vec<RequestState>,
    /// Under this right.
    pub right: Option<Right>,
    /// With a task that a person has to do something about, or settled so that the person who asked
    /// has to be told.
    pub needs_a_person: bool,
    /// Connections that don't work: whatever is to be done there needs a person too.
    pub held: Vec<ConnectionId>,
    /// Not closed, and past its deadline at this instant.
    pub overdue: Option<Instant>,
    /// With a task of this connection.
    pub connection: Option<ConnectionId>,
    /// Of one of these brands; those without a brand too if absent.
    pub brands: Option<BTreeSet<String>>,
}

/// A page of what lies along an index and fits. `$10` says where along the index, if there is a choice.
/// A request with several tasks there is found at the first.
macro_rules! along {
    ($from:literal, $id:literal, $where:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM ",
            $from,
            " WHERE ",
            $id,
            " > $1 AND ",
            $where,
            " AND ($2 = '|' OR $2 LIKE '%|' || r.state || '|%')
              AND ($3 = '' OR r.right_word = $3)
              AND r.due_at < $4 AND (NOT $9 OR r.state <> 'closed')
              AND ($5 = '' OR EXISTS (SELECT 1 FROM task c
                WHERE c.request_id = r.id AND c.connection_id = $5))
              AND ($6 = '' OR REPLACE($6, $7 || r.brand || $7, '') <> $6)
              ORDER BY ",
            $id,
            " LIMIT $8"
        )
    };
}
const ALL: &str = along!("request r", "r.id", "$10 = ''");
const IN_STATE: &str = along!("request r", "r.id", "r.state = $10");
const UNDER_RIGHT: &str = along!("request r", "r.id", "r.right_word = $10");
const OF_BRAND: &str = along!("request r", "r.id", "r.brand = $10");
const OPEN: &str = along!("request r", "r.id", "r.state <> 'closed' AND $10 = ''");
const OF_CONNECTION: &str = along!(
    "task t CROSS JOIN request r",
    "t.request_id",
    "t.connection_id = $10 AND r.id = t.request_id AND NOT EXISTS (SELECT 1 FROM task e
        WHERE e.connection_id = $10 AND e.request_id = t.request_id AND e.id < t.id)"
);
const HELD: &str = along!(
    "task t CROSS JOIN request r",
    "t.request_id",
    "t.connection_id = $10 AND t.state <> 'ended' AND r.id = t.request_id
        AND NOT EXISTS (SELECT 1 FROM task e WHERE e.connection_id = $10 AND e.state <> 'ended'
            AND e.request_id = t.request_id AND e.id < t.id)"
);
const NEEDY: &str = along!(
    "task t CROSS JOIN request r",
    "t.request_id",
    "t.needs_person AND t.state <> 'ended' AND r.id = t.request_id AND $10 = ''
        AND NOT EXISTS (SELECT 1 FROM task e WHERE e.needs_person AND e.state <> 'ended'
            AND e.request_id = t.request_id AND e.id < t.id)"
);
const N_OPEN: &str = "SELECT COUNT(*) AS n FROM
    (SELECT r.id FROM request r WHERE r.state <> 'closed' ORDER BY r.id LIMIT $1) AS some";

/// What people ask again and again, for the test that nothing scans.
#[cfg(test)]
pub(super) const FREQUENT: [&str; 7] =
    [IN_STATE, UNDER_RIGHT, OF_BRAND, OPEN, OF_CONNECTION, HELD, NEEDY];

impl Store {
    /// A page of requests, by id.
    pub async fn requests(
        &self,
        filter: &RequestFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let text = |id: Option<String>| id.unwrap_or_default();
        let row = values![
            text(after.map(|id| id.to_string())),
            word_list(filter.states.iter().map(|state| state.word())),
            filter.right.map_or("", Right::word),
            filter.overdue.unwrap_or(Instant::MAX),
            text(filter.connection.map(|id| id.to_string())),
            filter.brands.as_ref().map_or_else(String::new, brand_list),
            BRAND_END,
            i64::from(limit),
            filter.overdue.is_some(),
        ];
        let mut found = BTreeMap::new();
        for (sql, along) in filter.ways() {
            let mut row = row.clone();
            row.push(Value::from(along));
            for one in self.db().fetch(sql, row).await? {
                found.insert(one.parse::<RequestId>("id")?, one);
            }
        }
        let page: Vec<_> = found.into_values().take(limit as usize).collect();
        self.open_requests(&page).await
    }

    /// How many requests are open, counted up to so many.
    pub async fn n_open_requests(&self, most: u32) -> Result<u32, StoreError> {
        let row = self.db().fetch_optional(N_OPEN, values![i64::from(most)]).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }
}

impl RequestFilter {
    /// The indexes along which all that fits is found, and where along each.
    ///
    /// What is not closed is little beside a long history, so that comes before what a request is
    /// about; among the rest whatever divides it into more parts comes first.
    fn ways(&self) -> Vec<(&'static str, String)> {
        let is_open = |state: &RequestState| *state != RequestState::Closed;
        let in_state = |state: &RequestState| (IN_STATE, state.word().to_owned());
        if self.needs_a_person {
            let answering = Some(RequestState::Answering);
            let answering =
                answering.filter(|it| self.states.is_empty() || self.states.contains(it));
            let held = self.held.iter().map(|connection| (HELD, connection.to_string()));
            let ways = answering.iter().map(in_state).chain([(NEEDY, String::new())]);
            ways.chain(held).collect()
        } else if self.overdue.is_some() {
            vec![(OPEN, String::new())]
        } else if !self.states.is_empty() && self.states.iter().all(is_open) {
            self.states.iter().map(in_state).collect()
        } else if let Some(brands) = &self.brands {
            brands.iter().map(|brand| (OF_BRAND, brand.to_ascii_lowercase())).collect()
        } else if let Some(connection) = self.connection {
            vec![(OF_CONNECTION, connection.to_string())]
        } else if let Some(right) = self.right {
            vec![(UNDER_RIGHT, right.word().to_owned())]
        } else if !self.states.is_empty() {
            self.states.iter().map(in_state).collect()
        } else {
            vec![(ALL, String::new())]
        }
    }
}

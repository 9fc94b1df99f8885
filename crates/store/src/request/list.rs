//! Pages of requests. Each filter goes along an index of its own, so that a page costs the same however
//! many requests the history holds, and never more than what fits is read.
//!
//! Where several indexes have a share in what fits, each gives a page and the pages are merged. What
//! else is asked for is compared row by row: along the index that leaves the fewest rows to compare, and
//! for one page no more than [`MOST_COMPARED`] of them. Where little fits, or nothing, pages come short,
//! or empty, and say where the next one begins.

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

/// A page of requests, by id.
#[derive(Clone, Debug, Default)]
pub struct RequestPage {
    /// Those that fit.
    pub requests: Vec<Request>,
    /// After which the next page begins; absent on the last. It need not fit itself.
    pub next: Option<RequestId>,
}

/// Rows along an index that are compared for one page.
const MOST_COMPARED: u32 = 1_000;
/// Comes after every id.
const PAST_ALL: &str = "~";

/// An index to go along.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// A page of what lies there and fits, at `$10` if there is a choice, and up to `$11`. A request with
    /// several tasks there is found at the first.
    pub(super) page: &'static str,
    /// The request at which so many rows along it end, at `$2` if there is a choice.
    pub(super) end: &'static str,
}

macro_rules! end {
    ($from:literal, $id:literal, $where:literal) => {
        concat!(
            "SELECT ",
            $id,
            " AS id FROM ",
            $from,
            " WHERE ",
            $id,
            " > $1 AND ",
            $where,
            " ORDER BY ",
            $id,
            " LIMIT 1 OFFSET $3"
        )
    };
}
macro_rules! page {
    ($from:literal, $id:literal, $where:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM ",
            $from,
            " WHERE ",
            $id,
            " > $1 AND ",
            $id,
            " <= $11 AND ",
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
const ALL: Way =
    Way { page: page!("request r", "r.id", "$10 = ''"), end: end!("request r", "r.id", "$2 = ''") };
const IN_STATE: Way = Way {
    page: page!("request r", "r.id", "r.state = $10"),
    end: end!("request r", "r.id", "r.state = $2"),
};
const UNDER_RIGHT: Way = Way {
    page: page!("request r", "r.id", "r.right_word = $10"),
    end: end!("request r", "r.id", "r.right_word = $2"),
};
const OF_BRAND: Way = Way {
    page: page!("request r", "r.id", "r.brand = $10"),
    end: end!("request r", "r.id", "r.brand = $2"),
};
const OPEN: Way = Way {
    page: page!("request r", "r.id", "r.state <> 'closed' AND $10 = ''"),
    end: end!("request r", "r.id", "r.state <> 'closed' AND $2 = ''"),
};
const OF_CONNECTION: Way = Way {
    page: page!(
        "task t CROSS JOIN request r",
        "t.request_id",
        "t.connection_id = $10 AND r.id = t.request_id AND NOT EXISTS (SELECT 1 FROM task e
            WHERE e.connection_id = $10 AND e.request_id = t.request_id AND e.id < t.id)"
    ),
    end: end!("task t", "t.request_id", "t.connection_id = $2"),
};
const HELD: Way = Way {
    page: page!(
        "task t CROSS JOIN request r",
        "t.request_id",
        "t.connection_id = $10 AND t.state <> 'ended' AND r.id = t.request_id
            AND NOT EXISTS (SELECT 1 FROM task e WHERE e.connection_id = $10 AND e.state <> 'ended'
                AND e.request_id = t.request_id AND e.id < t.id)"
    ),
    end: end!("task t", "t.request_id", "t.connection_id = $2 AND t.state <> 'ended'"),
};
const NEEDY: Way = Way {
    page: page!(
        "task t CROSS JOIN request r",
        "t.request_id",
        "t.needs_person AND t.state <> 'ended' AND r.id = t.request_id AND $10 = ''
            AND NOT EXISTS (SELECT 1 FROM task e WHERE e.needs_person AND e.state <> 'ended'
                AND e.request_id = t.request_id AND e.id < t.id)"
    ),
    end: end!("task t", "t.request_id", "t.needs_person AND t.state <> 'ended' AND $2 = ''"),
};
const N_OPEN: &str = "SELECT COUNT(*) AS n FROM
    (SELECT r.id FROM request r WHERE r.state <> 'closed' ORDER BY r.id LIMIT $1) AS bounded";

/// What people ask again and again, for the test that nothing scans.
#[cfg(test)]
pub(super) const FREQUENT: [Way; 7] =
    [IN_STATE, UNDER_RIGHT, OF_BRAND, OPEN, OF_CONNECTION, HELD, NEEDY];

impl Store {
    /// So many requests, by id, after this one.
    pub async fn requests(
        &self,
        filter: &RequestFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Vec<Request>, StoreError> {
        let mut page = self.request_page(filter, after, limit).await?;
        let mut found = std::mem::take(&mut page.requests);
        while let (Some(next), true) = (page.next, found.len() < limit as usize) {
            let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
            page = self.request_page(filter, Some(next), left).await?;
            found.append(&mut page.requests);
        }
        Ok(found)
    }

    /// A page of requests, by id, after this one. It may hold fewer than fit.
    pub async fn request_page(
        &self,
        filter: &RequestFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<RequestPage, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        // One more than fits says whether another page follows.
        let fetched = limit.saturating_add(1);
        let row = filter.row(&after, fetched);
        let (mut found, mut end) = (BTreeMap::new(), None);
        for (way, along) in filter.ways() {
            let looked_at = match filter.compares() {
                true => self.end(way, &after, &along).await?,
                false => None,
            };
            let up_to = looked_at.map_or_else(|| PAST_ALL.to_owned(), |id| id.to_string());
            let mut row = row.clone();
            row.extend(values![along, up_to]);
            let rows = self.db().fetch(way.page, row).await?;
            if rows.len() < fetched as usize {
                end = end.into_iter().chain(looked_at).min();
            }
            for one in rows {
                found.insert(one.parse::<RequestId>("id")?, one);
            }
        }
        // Beyond that, something may lie along the other ways that was not looked at.
        found.retain(|id, _| end.is_none_or(|end| *id <= end));
        let last = found.keys().copied().take(limit as usize).next_back();
        let next = if found.len() > limit as usize { last } else { end };
        let page: Vec<_> = found.into_values().take(limit as usize).collect();
        Ok(RequestPage { requests: self.open_requests(&page).await?, next })
    }

    /// Where the rows end that are compared for one page; nothing if all that follow are.
    async fn end(
        &self,
        way: Way,
        after: &str,
        along: &str,
    ) -> Result<Option<RequestId>, StoreError> {
        let row = values![after, along, i64::from(MOST_COMPARED - 1)];
        let row = self.db().fetch_optional(way.end, row).await?;
        row.map(|row| row.parse("id")).transpose()
    }

    /// How many requests are open, counted up to so many.
    pub async fn n_open_requests(&self, most: u32) -> Result<u32, StoreError> {
        let row = self.db().fetch_optional(N_OPEN, values![i64::from(most)]).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }
}

impl RequestFilter {
    /// What every way takes, but for where it goes along.
    fn row(&self, after: &str, fetched: u32) -> Vec<Value> {
        values![
            after,
            word_list(self.states.iter().map(|state| state.word())),
            self.right.map_or("", Right::word),
            self.overdue.unwrap_or(Instant::MAX),
            self.connection.map(|id| id.to_string()).unwrap_or_default(),
            self.brands.as_ref().map_or_else(String::new, brand_list),
            BRAND_END,
            i64::from(fetched),
            self.overdue.is_some(),
        ]
    }

    /// Whether some of what lies along an index may not fit.
    fn compares(&self) -> bool {
        let asked = [
            self.needs_a_person,
            !self.states.is_empty(),
            self.right.is_some(),
            self.connection.is_some(),
            self.brands.is_some(),
        ];
        self.overdue.is_some() || asked.iter().filter(|is_asked| **is_asked).count() > 1
    }

    /// The indexes along which all that fits is found, and where along each.
    ///
    /// What is not closed is little beside a long history, so that comes before what a request is
    /// about; among the rest whatever divides it into more parts comes first.
    fn ways(&self) -> Vec<(Way, String)> {
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

//! Taking in requests that several callers send at the same moment: one durable transaction serves
//! them all, and each gets the answer that it would have got alone.

use std::sync::Arc;

use domain::identifier::Region;
use engine::operator::intake::{Submission, Taken, submit_together};
use engine::operator::{Draft, OperatorError};

use crate::app::App;
use crate::caller::Caller;

/// A request as it was sent.
pub(crate) struct Sent {
    pub(crate) caller: Caller,
    pub(crate) region: Option<Region>,
    pub(crate) draft: Draft,
    /// What it was sent as, to be known by if it is sent again.
    pub(crate) key: Option<String>,
}

impl Sent {
    fn at_its_desk<'a>(&'a self, app: &'a App) -> Submission<'a> {
        let (region, key) = (self.region.clone(), self.key.as_deref());
        Submission { desk: app.desk(&self.caller), region, draft: &self.draft, key }
    }
}

/// Takes in a request, together with those that others are sending.
pub(crate) async fn take_in(app: &App, sent: Sent) -> Result<Taken, OperatorError> {
    let sent = Arc::new(sent);
    let together = |all: Vec<Arc<Sent>>| async move {
        let all: Vec<_> = all.iter().map(|one| one.at_its_desk(app)).collect();
        submit_together(&all).await.unwrap_or_default()
    };
    if let Some(taken) = app.intake().ask(Arc::clone(&sent), together).await {
        return Ok(taken);
    }
    // Alone, so that whoever fails learns why, and what fails in one request fails in no other.
    let taken = submit_together(&[sent.at_its_desk(app)]).await?;
    Ok(taken.into_iter().next().unwrap_or_else(|| Err(Vec::new())))
}

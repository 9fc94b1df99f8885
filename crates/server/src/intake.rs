//! Taking in requests that several callers send at the same moment: one durable transaction serves
//! them all, and each gets the answer that it would have got alone.

use std::sync::Arc;

use domain::identifier::Region;
use engine::operator::intake::{Submission, Taken, submit, submit_together};
use engine::operator::{Draft, OperatorError};

use crate::app::App;
use crate::caller::Caller;

/// A request as it was sent.
pub(crate) struct Sent {
    pub(crate) caller: Caller,
    pub(crate) region: Option<Region>,
    pub(crate) draft: Draft,
}

/// Takes in a request, together with those that others are sending.
pub(crate) async fn take_in(app: &App, sent: Sent) -> Result<Taken, OperatorError> {
    let sent = Arc::new(sent);
    let together = |all: Vec<Arc<Sent>>| async move {
        let all = all.iter().map(|one| Submission {
            desk: app.desk(&one.caller),
            region: one.region.clone(),
            draft: &one.draft,
        });
        submit_together(&all.collect::<Vec<_>>()).await.unwrap_or_default()
    };
    if let Some(taken) = app.intake().ask(Arc::clone(&sent), together).await {
        return Ok(taken);
    }
    // Alone, so that whoever fails learns why, and what fails in one request fails in no other.
    let drafts = std::slice::from_ref(&sent.draft);
    let taken = submit(&app.desk(&sent.caller), drafts, sent.region.clone()).await?;
    Ok(taken.into_iter().next().unwrap_or_else(|| Err(Vec::new())))
}

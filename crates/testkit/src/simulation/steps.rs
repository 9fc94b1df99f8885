//! Which work of the engine is at it, as its own traces tell: the `step` of the span that it is in.

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// The name of the span of a piece of work, and of its field that says which.
const STEP: &str = "step";

/// What is done outside of any piece of work: checks of the connection.
const NONE: &str = "check";

/// A subscriber that keeps the step of each span.
pub fn subscriber() -> impl Subscriber + Send + Sync {
    Registry::default().with(Steps)
}

/// The step that the calling code is part of.
pub fn current() -> String {
    let step = Span::current().with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.scope().find_map(|span| span.extensions().get::<Step>().map(|step| step.0.clone()))
    });
    step.flatten().unwrap_or_else(|| NONE.to_owned())
}

struct Steps;

struct Step(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Steps {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() == STEP
            && let Some(span) = context.span(id)
        {
            let mut step = Step(NONE.to_owned());
            attributes.record(&mut step);
            span.extensions_mut().insert(step);
        }
    }
}

impl Visit for Step {
    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == STEP {
            value.clone_into(&mut self.0);
        }
    }
}

//! The layer that gathers spans.

use server::Spans;
use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::send::Queued;
use super::span::Span;

/// Gathers spans of ours as they end.
pub struct Gatherer {
    to: mpsc::Sender<Queued>,
    spans: Spans,
}

impl Gatherer {
    pub(super) fn new(to: mpsc::Sender<Queued>, spans: Spans) -> Self {
        Self { to, spans }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Gatherer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut begun = match span.parent() {
            Some(above) => Span::begin(span.name(), above.extensions().get::<Span>()),
            None => Span::begin(span.name(), None),
        };
        attributes.record(&mut begun);
        span.extensions_mut().insert(begun);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Span>()
        {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(mut open) = span.extensions_mut().remove::<Span>() else { return };
        open.end();
        // Work must not wait for whoever watches it.
        if open.is_told() && self.to.try_send(Queued::Span(open)).is_err() {
            self.spans.lose(1);
        }
    }
}

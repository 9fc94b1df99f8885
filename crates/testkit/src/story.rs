//! What a story does and looks at beside the stage itself: a person's decisions, the journal, the
//! work left to people, and the twin's books beside ours.

use domain::journal::{Actor, Entry, Event};
use domain::plan::HandWork;
use domain::{IdentifierKind, Reach, RequestId, Right, Role};
use engine::operator::approve::{self, Approved, Pending, Selection};
use engine::operator::{Desk, Given, connections, decide, tasks};
use serde_json::Value;
use store::{From as JournalFrom, JournalFilter};

use crate::stage::Stage;

impl Stage {
    /// A stage with few people: three of each odd kind, and some regular ones.
    pub async fn small() -> anyhow::Result<Self> {
        Self::set_with(twins::Options { people: 60, ..twins::Options::default() }).await
    }

    /// A small stage with the twin connected, and one request for the first person of this kind,
    /// known by e-mail.
    pub async fn asked(right: Right, kind: &str) -> anyhow::Result<(Self, RequestId)> {
        let stage = Self::small().await?;
        stage.connect().await?;
        let request = stage.submit(right, &[("email", &stage.value(kind, "email")?)]).await?;
        Ok((stage, request))
    }

    /// A value of the first subject of this kind.
    pub fn value(&self, kind: &str, name: &str) -> anyhow::Result<String> {
        let subject = self.subject(kind)?;
        let value = subject[name].as_str().map(str::to_owned);
        value.ok_or_else(|| anyhow::anyhow!("the first subject of kind {kind} has no {name}"))
    }

    /// Everybody the twin knows.
    pub async fn everybody(&self) -> anyhow::Result<Vec<Value>> {
        let path = format!("/population/{}", self.candidate.name());
        let lines = self.control("GET", &path, &Value::Null).await?;
        let lines = lines.as_str().unwrap_or_default().lines();
        lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Where an operator sits.
    pub fn desk(&self) -> Desk<'_> {
        Desk {
            store: &self.store,
            connectors: self.connectors,
            ids: &*self.ids,
            actor: Actor::Operator("ann".to_owned()),
            roles: Role::every(),
            reach: Reach::All,
            now: self.now(),
        }
    }

    /// Sets switches of the connection.
    pub async fn set_switches(&self, switches: &[(&str, &str)]) -> anyhow::Result<()> {
        let owned: Vec<_> =
            switches.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        connections::set(&self.desk(), self.candidate.name(), &owned).await?;
        Ok(())
    }

    /// Everything that waits at a gate.
    pub async fn pending(&self) -> anyhow::Result<Vec<Pending>> {
        Ok(approve::preview(&self.desk(), &Selection::default()).await?)
    }

    /// Lets through everything that waits at a gate.
    pub async fn approve(&self) -> anyhow::Result<Vec<Approved>> {
        let pending = self.pending().await?;
        Ok(approve::approve(&self.desk(), &pending).await?)
    }

    /// Begins another round of the request's task.
    pub async fn retry(&self, request: RequestId) -> anyhow::Result<()> {
        let task = self.task(request).await?;
        tasks::retry(&self.desk(), task.id).await?;
        Ok(())
    }

    /// Adds an identifier to a request.
    pub async fn add_identifier(
        &self,
        request: RequestId,
        kind: IdentifierKind,
        value: &str,
    ) -> anyhow::Result<()> {
        decide::add_identifiers(&self.desk(), request, &[Given::new(kind, value)], None).await?;
        Ok(())
    }

    /// The work that a request leaves to people.
    pub async fn hand_works(&self, request: RequestId) -> anyhow::Result<Vec<HandWork>> {
        let tasks = self.tasks(request).await?;
        Ok(tasks.into_iter().filter_map(|task| task.detail.hand).collect())
    }

    /// The journal's entries of one kind, in order.
    pub async fn entries(&self, event: Event) -> anyhow::Result<Vec<Entry>> {
        let filter = JournalFilter { event: Some(event), ..JournalFilter::default() };
        let entries = self.store.journal(JournalFrom::After(0), &filter, 100_000).await?;
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// One fact of each entry of one kind, in order, as text.
    pub async fn facts(&self, event: Event, name: &str) -> anyhow::Result<Vec<String>> {
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let entries = self.entries(event).await?;
        Ok(entries.iter().filter_map(|entry| entry.facts.get(name)).map(text).collect())
    }

    /// Compares the twin's books with ours: every changing call it took is one that the journal
    /// says was sent, once, and every intent has its outcome. Returns how many there are.
    pub async fn compare_books(&self) -> anyhow::Result<usize> {
        let changes = self.changes().await?;
        let mut theirs: Vec<_> =
            changes.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
        let mut ours = self.facts(Event::JobStarted, "vendor_ref").await?;
        ours.retain(|vendor_ref| !vendor_ref.is_empty());
        theirs.sort();
        ours.sort();
        anyhow::ensure!(theirs == ours, "the twin has {theirs:?}, the journal {ours:?}");
        let n_written = self.entries(Event::IntentWritten).await?.len();
        let n_answered = self.entries(Event::IntentAnswered).await?.len();
        let n_reconciled = self.entries(Event::IntentReconciled).await?.len();
        anyhow::ensure!(
            n_written == n_answered + n_reconciled,
            "{n_written} intents, {n_answered} answered and {n_reconciled} reconciled"
        );
        Ok(changes.len())
    }

    /// How many identifiers the twin was told to act on in all regulations.
    pub async fn regulated(&self) -> anyhow::Result<Vec<String>> {
        let regulations = self.changes().await?;
        let ids = regulations.iter().flat_map(|one| one["subject_ids"].as_array().cloned());
        let ids = ids.flatten().filter_map(|id| id.as_str().map(str::to_owned));
        Ok(ids.collect())
    }

    /// Everything that was collected for a request, line by line.
    pub async fn lines(&self, request: RequestId) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        for collected in self.store.collected_of(request).await? {
            let mut bytes = Vec::new();
            let reader = self.store.blob_reader(request, collected.blob).await?;
            let mut reader = reader.ok_or_else(|| anyhow::anyhow!("the blob is gone"))?;
            while let Some(chunk) = reader.next_chunk()? {
                bytes.extend(chunk);
            }
            lines.extend(String::from_utf8(bytes)?.lines().map(str::to_owned));
        }
        Ok(lines)
    }
}

//! Rows that no program of ours would leave so: lost, or changed behind its back.

use sqlx::{Connection as _, Executor as _, SqliteConnection};
use testkit::stage::Stage;

/// The URL of every webhook is gone, as after a migration from where it stood in plain.
pub async fn lose_urls(stage: &Stage) -> anyhow::Result<()> {
    change_by_hand(stage, "DELETE FROM endpoint_url").await
}

/// The URL of every webhook is cut, and does not open.
pub async fn cut_urls(stage: &Stage) -> anyhow::Result<()> {
    change_by_hand(stage, "UPDATE endpoint_url SET sealed = substr(sealed, 1, 40)").await
}

async fn change_by_hand(stage: &Stage, sql: &'static str) -> anyhow::Result<()> {
    let file = format!("sqlite://{}/habeas.db", stage.options.data.display());
    SqliteConnection::connect(&file).await?.execute(sql).await?;
    Ok(())
}

//! To which installation a database belongs that several machines share: the id which the data folder
//! and the key folder of each of them carry stands in it too, so that it is never written under the keys
//! of another.

use crate::connection::Secret;
use crate::db::{Db, Tx, values};
use crate::error::StoreError;
use crate::keyring::Making;
use crate::keys::{carry_installation, installation_of};
use crate::migrate;
use crate::setting::GET;
use crate::store::Options;

const SETTING: &str = "installation";
const CLAIM: &str = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";

/// Looks at the database before the keys are opened, and writes nothing to it. A data folder that is new
/// takes the database's id over. Says whether keys may be made: only for a database that is new.
pub(crate) async fn meet(options: &Options, url: &Secret) -> Result<Making, StoreError> {
    let db = Db::look_at(url.expose()).await?;
    migrate::look_for_mark(&db).await?;
    let is_new = !db.has_table("setting").await?;
    let row = match is_new {
        true => None,
        false => db.fetch_optional(GET, values![SETTING]).await?,
    };
    db.close().await;
    match row.map(|row| row.get::<String>("value")).transpose()? {
        Some(id) => {
            carry_installation(options, &id)?;
            Ok(Making::Refused)
        }
        None => Ok(Making::Allowed),
    }
}

/// Writes the id of the folders into a database that has none, or refuses one that has another.
pub(crate) async fn agree(db: &Db, options: &Options) -> Result<(), StoreError> {
    let id = installation_of(options)?;
    let mut tx = db.begin().await?;
    claim(&mut tx, &id).await?;
    if is(&mut tx, &id).await? {
        return tx.commit().await;
    }
    Err(crate::keys::other_installation(options).into())
}

/// Writes an id into a database that has none.
pub(crate) async fn claim(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    tx.execute(CLAIM, values![SETTING, id]).await.map(drop)
}

/// Whether a database belongs to this installation.
pub(crate) async fn is(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let row = tx.fetch_optional(GET, values![SETTING]).await?;
    Ok(row.map(|row| row.get::<String>("value")).transpose()?.is_some_and(|of| of == id))
}

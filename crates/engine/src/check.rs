//! Checking a connection: each permission by itself, before anything is saved and every day
//! after. A check never writes at the vendor.

use std::collections::BTreeMap;
use std::time::Duration;

use connector_api::{Connector, FlowState, Input, Report, Step, VendorError};
use domain::connection::CheckReport;
use domain::{Connection, Flow};
use store::Secret;

use crate::flow::{Log, NoSink};
use crate::http::TargetError;
use crate::link::{Link, Surroundings};

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The connection's addresses can't be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The vendor could not be asked.
    #[error("the vendor could not be asked: {0}")]
    Vendor(VendorError),
}

impl CheckError {
    /// Whether it may work in a moment: the vendor was not reached, or asked to wait.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Vendor(
                VendorError::Transient { .. }
                    | VendorError::AnswerLost { .. }
                    | VendorError::Throttled { .. }
            )
        )
    }
}

/// Checks a connection that need not exist yet.
pub async fn check(
    connector: &'static dyn Connector,
    connection: &Connection,
    secrets: BTreeMap<String, Secret>,
    with: &Surroundings,
) -> Result<CheckReport, CheckError> {
    let link = Link::new(connection.clone(), connector, secrets, with)?;
    checked(&link).await.map_err(CheckError::Vendor)
}

/// How often a check is made again after a passing fault.
const TRIES: u32 = 3;
/// A check that took longer is not made again: a read without an answer was repeated already, and
/// to repeat it all thrice lets somebody who connects wait for most of a minute.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the check flow of a linked connection, again after a passing fault.
pub(crate) async fn checked(link: &Link) -> Result<CheckReport, VendorError> {
    let begun = link.now();
    let mut tries = 1;
    loop {
        let checked = checked_once(link).await;
        let took = link.now().duration_since(begun).unsigned_abs();
        match checked {
            Err(VendorError::Transient { .. }) if tries < TRIES && took < PATIENCE => {
                link.rest(Duration::from_secs(u64::from(tries))).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

async fn checked_once(link: &Link) -> Result<CheckReport, VendorError> {
    let mut log = Log::default();
    let memory: Option<&FlowState> = None;
    let turn =
        link.drive(Flow::Check, memory, Input::Start(&[]), &[], &mut log, &mut NoSink).await?;
    match turn.step {
        Step::Done(Report::Checked(report)) => Ok(*report),
        _ => Err(crate::work::locate::misuse()),
    }
}

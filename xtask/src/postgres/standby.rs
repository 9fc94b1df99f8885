//! A standby that follows a server by streaming replication, and can take its place.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{LOOK, START, Server, serve};

impl Server {
    /// Makes a standby of it, for which every commit waits from then on.
    pub fn standby(&self, name: &str) -> Result<Server> {
        let folder = super::folder(name, self.user)?;
        let mut copy = self.command("pg_basebackup");
        copy.args(["--username=habeas", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        copy.arg("--host").arg(&self.folder).arg("--pgdata").arg(folder.join("data"));
        ensure!(copy.status().context("start pg_basebackup")?.success(), "pg_basebackup failed");
        let process = serve(&self.programs, &folder, self.settings, self.user)?;
        let standby = Server {
            process,
            folder,
            programs: self.programs.clone(),
            settings: self.settings,
            user: self.user,
        };
        self.wait_for("*")?;
        let began = Instant::now();
        while self.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")? == "0"
        {
            ensure!(began.elapsed() < START, "the standby does not follow after {START:?}");
            self.process.run_for(LOOK)?;
        }
        // Should it take over, nobody follows it at first.
        standby.wait_for("")?;
        Ok(standby)
    }

    /// Goes down at once and for good, and its standby takes its place.
    pub fn hand_over(&mut self, standby: Server) -> Result<()> {
        let mut gone = std::mem::replace(self, standby);
        gone.process.quit()?;
        gone.process.wait(START)?;
        self.run("SELECT pg_promote()")?;
        fs::remove_dir_all(&gone.folder).context("remove the folder of the server that is gone")
    }

    /// For which standbys a commit waits.
    fn wait_for(&self, names: &str) -> Result<()> {
        self.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))?;
        self.run("SELECT pg_reload_conf()")
    }
}

//! A program that measures the rows of a table and writes them on a page: what all such programs have in common.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{host, page::write_measured, pinned, report, row::Row};

/// What every such program can be told.
#[derive(Debug, clap::Args)]
pub struct Flags {
    /// Only this row; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds; in each, everything that is compared runs once.
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Seconds of simulated time in each round of a scene, and about that much real time in each round of the others.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// The core for everything that is measured on one.
    #[arg(long, default_value_t = 0)]
    pub core: usize,
    /// Writes every round's figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Replaces the measured part of a page of results, that of this table unless another is named.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    write_results: Option<Option<PathBuf>>,
    /// Names the rows, and does nothing else.
    #[arg(long)]
    list: bool,
}

/// A table: its rows, its page and what its figures depend on besides the machine.
#[derive(Debug)]
pub struct Table<'a, P> {
    /// The rows, in the order in which they are measured.
    pub rows: &'a [Row<P>],
    /// Where its results are.
    pub page: &'a str,
    /// Names and versions of what takes part.
    pub versions: Vec<(&'static str, String)>,
}

impl<P> Table<'_, P> {
    /// Does what the flags say.
    ///
    /// # Errors
    /// When they cannot be followed, or a row cannot be measured.
    pub fn run(&self, flags: &Flags, plan: &P) -> Result<()> {
        if flags.list {
            for row in self.rows {
                println!("--only {:<14} {}", row.name, row.title);
            }
            return Ok(());
        }
        ensure!(flags.rounds > 0, "at least one round is needed");
        ensure!(flags.seconds > 0.0 && flags.seconds < 1e6, "--seconds is a number of seconds above 0");
        let rows = self.chosen(&flags.only)?;
        pinned::pin_to(flags.core)?;
        let mut findings = Vec::new();
        for row in rows {
            let finding = (row.measure)(plan).with_context(|| format!("in {}", row.name))?;
            eprintln!("{}", report::target_line(&row, &finding));
            findings.push((row, finding));
        }
        let facts = self.facts(flags);
        let text = report::markdown(&findings, &facts);
        println!("{text}");
        if let Some(path) = &flags.write_results {
            write_measured(&path.clone().unwrap_or_else(|| self.page.into()), &text)?;
        }
        if let Some(path) = &flags.json {
            fs::write(path, serde_json::to_string_pretty(&report::json(&findings, &facts))?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Every row, or those that `names` chooses.
    fn chosen(&self, names: &[String]) -> Result<Vec<Row<P>>> {
        if let Some(unknown) = names.iter().find(|name| !self.rows.iter().any(|row| row.name == name.as_str())) {
            bail!("there is no row {unknown:?}; --list names them");
        }
        let is_chosen = |row: &&Row<P>| names.is_empty() || names.iter().any(|name| name == row.name);
        Ok(self.rows.iter().filter(is_chosen).copied().collect())
    }

    fn facts(&self, flags: &Flags) -> Vec<(&'static str, String)> {
        let mut facts = host::facts();
        facts.extend(self.versions.iter().cloned());
        facts.push(("compiler", host::output("rustc", &["--version"])));
        let Flags { rounds, seconds, core, .. } = flags;
        facts.push(("method", format!("{rounds} rounds of {seconds} s in turns on core {core}, medians")));
        facts
    }
}

/// The version of a package that the lock file names.
pub fn locked_version(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, after)| after);
    after.and_then(|after| after.split_once('"')).map_or("unknown", |(version, _)| version).to_owned()
}

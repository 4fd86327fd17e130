//! The schema compiler, in the one version that the crate `flatbuffers` and the committed code are of.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, bail, ensure};

use super::SCHEMAS;

/// What the compiler must say that it is.
const VERSION: &str = "flatc version 25.12.19";
/// Where `tests/install` puts it.
const PROGRAM: &str = "tests/.venv/bin/flatc";

pub(super) struct Compiler {
    program: PathBuf,
    /// The folder of the schemas, where it is run so that no path of this machine gets into its output.
    schemas: PathBuf,
}

impl Compiler {
    pub(super) fn find(root: &Path) -> anyhow::Result<Self> {
        const INSTALL: &str = "run `tests/install python`, which installs it";
        let compiler = Self { program: root.join(PROGRAM), schemas: root.join(SCHEMAS) };
        ensure!(compiler.program.is_file(), "the schema compiler {PROGRAM} is missing; {INSTALL}");
        let output = compiler.run(&["--version"])?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(version == VERSION, "{PROGRAM} says it is `{version}` and has to be `{VERSION}`; {INSTALL}");
        Ok(compiler)
    }

    /// Writes the Rust of one schema.
    pub(super) fn rust(&self, name: &str, out: &Path) -> anyhow::Result<()> {
        self.generate(name, out, &["--rust"])
    }

    /// Writes the C++ of one schema.
    pub(super) fn cpp(&self, name: &str, out: &Path) -> anyhow::Result<()> {
        self.generate(name, out, &["--cpp", "--cpp-std", "c++17", "--scoped-enums"])
    }

    /// Writes the TypeScript of one schema, without a file that gathers what the others have too.
    pub(super) fn typescript(&self, name: &str, out: &Path) -> anyhow::Result<()> {
        self.generate(name, out, &["--ts", "--ts-omit-entrypoint"])
    }

    /// The binary form of one schema, without comments.
    pub(super) fn binary(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let out = std::env::temp_dir().join(format!("muster-schema-{}", std::process::id()));
        fs::create_dir_all(&out)?;
        let bytes = self.generate(name, &out, &["--binary", "--schema", "--bfbs-filenames", "."]).and_then(|()| {
            let file = out.join(name).with_extension("bfbs");
            fs::read(&file).with_context(|| file.display().to_string())
        });
        fs::remove_dir_all(&out)?;
        bytes
    }

    /// What keeps a schema from reading what the schema of the same name in `released` wrote.
    pub(super) fn conform(&self, released: &Path, name: &str) -> anyhow::Result<Option<String>> {
        let old = released.join(name);
        let (old, includes) = (old.to_string_lossy(), released.to_string_lossy());
        let output = self.run(&["--conform", &old, "--conform-includes", &includes, name])?;
        Ok((!output.status.success()).then(|| message(&output)))
    }

    fn generate(&self, name: &str, out: &Path, options: &[&str]) -> anyhow::Result<()> {
        let out = out.to_string_lossy();
        let mut arguments = vec!["--warnings-as-errors", "-o", &out];
        arguments.extend(options);
        arguments.push(name);
        let output = self.run(&arguments)?;
        if !output.status.success() {
            bail!("{SCHEMAS}/{name}: {}", message(&output));
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.schemas)
            .output()
            .with_context(|| self.program.display().to_string())
    }
}

/// What the compiler said, on whichever of its outputs, in one line.
fn message(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim);
    // The compiler puts its own path and the word "error" on lines of their own.
    let says_nothing = |line: &str| line.is_empty() || line == "error:" || line.ends_with("flatc:");
    lines.filter(|line| !says_nothing(line)).collect::<Vec<_>>().join(", ")
}

//! Goal: one place where the tests find the library and the headers, and have a folder for their files.
//!
//! Method: cargo builds the library before the tests of its package; its folder is the one that the test runs from.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

/// What debug builds export besides, for tests to see what is otherwise never seen.
pub(crate) const TEST_HOOKS: [&str; 1] = ["muster_test_panic"];

/// The root of the tree.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// libmuster.so, as built for this test.
pub(crate) fn shared() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let library = test.with_file_name("libmuster.so");
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// All headers after the preprocessor, without what the system's headers declare.
pub(crate) fn preprocessed_headers() -> String {
    let output = Command::new("cc")
        .args(["-E", "-P", "-std=c11", "-x", "c", "muster.h"])
        .current_dir(workspace().join("include"))
        .output()
        .expect("a C compiler is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the headers are text");
    let ours = text.find("typedef struct muster_bytes_t").expect("base.h declares it first");
    text[ours..].to_owned()
}

/// The names of the enums in the headers. Most are only spoken of, as the value of an integer field.
pub(crate) fn enums_of_the_headers() -> Vec<String> {
    let text = preprocessed_headers();
    text.split("typedef enum ").skip(1).filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// A folder of its own for the files of one test, removed with it. The library is in it, under the name that programs
/// look for.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    #[allow(clippy::new_without_default, reason = "making a folder is not a default value")]
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("muster-ffi-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("the temporary folder can be written");
        symlink(shared(), path.join("libmuster.so.0")).expect("the temporary folder can be written");
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The library by the name of its SONAME.
    pub(crate) fn library(&self) -> PathBuf {
        self.path.join("libmuster.so.0")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the temporary folder.
        let _ = fs::remove_dir_all(&self.path);
    }
}

//! Goal: one place where the tests find the library and the headers.
//!
//! Method: cargo builds the library before the tests of its package; its folder is the one that the test runs from.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What debug builds export besides, for tests to see what is otherwise never seen.
pub const TEST_HOOKS: [&str; 1] = ["muster_test_panic"];

/// The root of the tree.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// libmuster.so, as built for this test.
pub fn shared() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let library = test.with_file_name("libmuster.so");
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// All headers after the preprocessor, without what the system's headers declare.
pub fn preprocessed_headers() -> String {
    let output = Command::new("cc")
        .args(["-E", "-P", "-std=c11", "-x", "c", "muster.h"])
        .current_dir(workspace().join("include"))
        .output()
        .expect("a C compiler is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the headers are text")
}

/// The names of the enums in the headers. Most are only spoken of, as the value of an integer field.
pub fn enums_of_the_headers() -> Vec<String> {
    let text = preprocessed_headers();
    text.split("typedef enum ").skip(1).filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

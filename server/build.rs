//! Builds the web client into the program, if `web/dist` is there: a table of its files, sorted by path.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

fn main() {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    collect(&dist, "", &mut files);
    files.sort();
    let mut text = String::from("/// Every file, sorted by path.\nstatic ASSETS: &[Asset] = &[\n");
    for (path, file) in files {
        let mut hasher = DefaultHasher::new();
        fs::read(&file).expect("a file of web/dist can be read").hash(&mut hasher);
        let (file, tag) = (file.display().to_string(), format!("{:016x}", hasher.finish()));
        text.push_str(&format!("    Asset {{ path: {path:?}, bytes: include_bytes!({file:?}), tag: {tag:?} }},\n"));
    }
    text.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("assets.rs");
    fs::write(out, text).expect("the build folder can be written");
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push((name, entry.path().canonicalize().expect("a file of web/dist is there")));
        }
    }
}

//! Gives libmuster.so its SONAME: the major version, and before 1.0 the number of the ABI that it has now.

#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmuster.so.0");
    println!("cargo::rerun-if-changed=build.rs");
}

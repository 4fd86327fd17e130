//! Goal: LÖVE, a real engine, draws a live world of the library through LuaJIT's FFI, with declarations made from the
//! headers that C programs include.
//!
//! Method: the example runs under Xvfb for as many frames as it is told, writes a picture, and ends. The picture is read
//! back: it has the size of the window, the colours of both teams and of the pen, and none of them fills it.

use std::{fs, process::Command};

mod library;

use library::{Scratch, workspace};

/// The pixels of an uncompressed TGA of 32 bits a pixel, as red, green and blue; and its width and height.
fn picture(bytes: &[u8]) -> (Vec<[u8; 3]>, u16, u16) {
    let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (is_plain, bits) = (bytes[1] == 0 && bytes[2] == 2, bytes[16]);
    assert!(is_plain && bits == 32, "it is another kind of picture: {:?}", &bytes[..18]);
    let (pixels, _) = bytes[18 + usize::from(bytes[0])..].as_chunks::<4>();
    (pixels.iter().map(|[blue, green, red, _]| [*red, *green, *blue]).collect(), number(12), number(14))
}

#[test]
fn the_example_draws_a_live_world() {
    let scratch = Scratch::new();
    let output = Command::new("timeout")
        .args(["120", "xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1024x768x24", "love"])
        .arg(workspace().join("ffi/examples/love"))
        .env("MUSTER_FRAMES", "90")
        .env("MUSTER_PICTURE", "swarm.tga")
        .env("MUSTER_LIBRARY", scratch.library())
        .env("XDG_DATA_HOME", scratch.path())
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .output()
        .expect("`timeout` is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}; `make install-tools` installs love and xvfb", output.status);
    let bytes = fs::read(scratch.path().join("love/muster/swarm.tga")).expect("the example has written its picture");
    let (pixels, width, height) = picture(&bytes);
    assert_eq!((width, height, pixels.len()), (960, 680, 960 * 680));

    // Graphics cards round as they like.
    let is_near = |pixel: &[u8; 3], colour: [u8; 3]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 3);
    let of = |colour| pixels.iter().filter(|pixel| is_near(pixel, colour)).count() * 100 / pixels.len();
    // Hundredths of the picture; the edges of discs are of other colours.
    let (blue, orange, pen) = (of([92, 171, 237]), of([245, 158, 66]), of([33, 38, 48]));
    assert!((3..30).contains(&blue) && (3..30).contains(&orange) && (50..95).contains(&pen), "{blue} {orange} {pen}");
}

#[test]
fn the_declarations_are_made_from_the_headers() {
    let output = Command::new(workspace().join("ffi/package/cdef")).output().expect("bash is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = fs::read_to_string(workspace().join("ffi/examples/love/muster_cdef.lua")).expect("it is committed");
    assert!(
        committed == String::from_utf8_lossy(&output.stdout),
        "the headers have changed: ffi/package/cdef > ffi/examples/love/muster_cdef.lua"
    );
}

//! Goal: no file and no variable, however broken, makes the relay panic, and each is accepted or refused with a reason.
//! Method: the shipped example cut at every byte, with single bytes replaced, seeded random bytes, and deep nesting.

use super::Given;

const EXAMPLE: &[u8] = include_bytes!("../../../deploy/relay.toml");

/// Loads and renders; the assertion is that a refusal always has a reason.
fn survives(contents: &[u8]) {
    let given = Given::new().config(contents).file("/etc/muster-relay/secrets", "secret");
    match given.load() {
        Ok(command) => assert!(!format!("{command:?}").is_empty()),
        Err(error) => {
            assert!(!error.problems().is_empty(), "refused without a reason: {:?}", String::from_utf8_lossy(contents));
            assert!(error.to_string().contains("; allowed: "));
        }
    }
}

/// A small generator (splitmix64): seeded, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// The example with its comments' leading marks taken away, so that far more of it is settings.
fn uncommented() -> Vec<u8> {
    let text = String::from_utf8(EXAMPLE.to_vec()).unwrap();
    text.lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line).to_owned() + "\n")
        .collect::<String>()
        .into_bytes()
}

#[test]
fn a_file_cut_at_every_byte() {
    for end in 0..EXAMPLE.len() {
        survives(&EXAMPLE[..end]);
    }
    let settings = uncommented();
    for end in 0..settings.len() {
        survives(&settings[..end]);
    }
}

#[test]
fn bytes_replaced_at_random() {
    let mut random = Random(0x6d75_7374_6572);
    let settings = uncommented();
    for _ in 0..2_000 {
        let mut contents = settings.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(contents.len());
            contents[at] = random.next() as u8;
        }
        survives(&contents);
    }
}

#[test]
fn random_bytes_and_random_toml_marks() {
    let mut random = Random(0x0072_656c_6179);
    let marks = b"=[]{}.,'\"\n\\ #-+:_0123456789abcdefilstux\x00\xff\xc3";
    for _ in 0..2_000 {
        let length = random.below(200);
        survives(&(0..length).map(|_| random.next() as u8).collect::<Vec<_>>());
        survives(&(0..length).map(|_| marks[random.below(marks.len())]).collect::<Vec<_>>());
    }
}

#[test]
fn nesting_without_end() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("a.", "")] {
        let deep = 20_000;
        survives(format!("listen = {}1{}", open.repeat(deep), close.repeat(deep)).as_bytes());
        survives(format!("{}b = 1", open.repeat(deep)).as_bytes());
        survives(format!("[{}b]", open.repeat(deep)).as_bytes());
    }
}

#[test]
fn names_and_values_are_shown_at_a_bounded_length() {
    let long = "x".repeat(100_000);
    for text in
        [format!("{long} = 1"), format!("realm = '{long}'"), format!("io = '{long}'"), format!("listen = '{long}'")]
    {
        let message = Given::new().config(text).load().unwrap_err().to_string();
        assert!(message.len() < 600, "{} bytes", message.len());
    }
}

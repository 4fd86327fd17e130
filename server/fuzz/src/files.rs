//! Files become settings and matches that can be written and read again, or errors that say what is wrong.

use muster_server::{
    config::{Given, Manner, as_json, as_text, load},
    host::archive::SavedMatch,
};

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which % 3 {
        0 => config(Manner::Serve, rest),
        1 => config(Manner::Dev, rest),
        _ => saved_match(rest),
    }
}

fn given(bytes: &[u8]) -> Given {
    Given { file: Some(("muster.toml".into(), bytes.to_vec())), ..Given::default() }
}

fn config(manner: Manner, bytes: &[u8]) {
    // What is in other files is not of these bytes.
    let names_files = ["_file", "tls_"].iter().any(|word| bytes.windows(word.len()).any(|w| w == word.as_bytes()));
    if names_files {
        return;
    }
    match load(manner, &given(bytes)) {
        Ok(loaded) => {
            let shown = as_text(&loaded);
            assert!(as_json(&loaded).is_object());
            // Secrets are not shown, and so cannot be given again.
            if manner == Manner::Dev && !shown.contains("auth_secret = ") {
                let again = load(manner, &given(shown.as_bytes())).unwrap_or_else(|error| panic!("{error}\n{shown}"));
                assert_eq!(as_text(&again).lines().count(), shown.lines().count());
            }
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(!problem.key.is_empty() && !problem.allowed.is_empty(), "{problem}");
            }
        }
    }
}

fn saved_match(bytes: &[u8]) {
    match SavedMatch::decode(bytes) {
        Ok(saved) => {
            assert!(!saved.head.match_id.contains(['/', '.', '\0']));
            assert_eq!(SavedMatch::decode(&saved.encode()), Ok(saved));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}

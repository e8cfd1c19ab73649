//! The vectors in `../vectors`, both ways: octets to text, and the message to octets again.

use std::fmt::Write as _;

use crate::vector::{self, Vector, layout, text, write};

#[test]
fn every_vector_both_ways() {
    let mut wrong = String::new();
    for (file, vector) in vector::all() {
        if let Err(difference) = check(&vector) {
            writeln!(wrong, "{file}/{}:\n{difference}\n", vector.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn names_lead_to_one_vector() {
    let mut names: Vec<_> = vector::all().into_iter().map(|(_, vector)| vector.name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

fn check(vector: &Vector) -> Result<(), String> {
    let message = vector.decode();
    let said = match &message {
        Ok(message) => text::message(message),
        Err(refusal) => refusal.clone(),
    };
    if said != vector.text {
        return Err(format!("says\n{said}\nand not\n{}", vector.text));
    }
    match (message, vector.written()) {
        (Ok(message), Some(expected)) => {
            let written = write::message(&message, &vector.context().encoding);
            if written != expected {
                let [written, expected] = [&written, &expected].map(|octets| layout::lines(octets));
                return Err(format!("is written\n{written}\nand not\n{expected}"));
            }
            check_why(vector, &expected)
        }
        _ => Ok(()),
    }
}

/// Where linnet writes it another way, the file tells in what, and that is true.
fn check_why(vector: &Vector, ours: &[u8]) -> Result<(), String> {
    let octets = vector.octets();
    let why = if octets == ours { String::new() } else { layout::difference(&octets, ours) };
    (why == vector.why).then_some(()).ok_or_else(|| format!("differs in\n{why}\nand not\n{}", vector.why))
}

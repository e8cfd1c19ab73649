//! tshark as a second reader: it finds in every vector, and in what linnet makes of it, the values that linnet finds.
//!
//! `facts` lists the values by what they are and where tshark shows them; `pcap` writes the messages into a file that
//! tshark reads. Its fields come as columns, so nothing here depends on how it lays its text out.

#[cfg(test)]
mod facts;
#[cfg(test)]
mod pcap;
#[cfg(test)]
#[path = "../../../../bgp/tests/vectors/mod.rs"]
mod vector;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bgp::wire::message::Message;
use facts::{EXCEPTIONS, FACTS, Fact};
use lab::{daemon, skip_if};
use vector::Vector;

/// A message to be read by both.
struct Case {
    name: String,
    octets: Vec<u8>,
    message: Message,
    as4: bool,
}

/// All that linnet reads without a fault: as it came, and as linnet writes it.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, vector) in vector::all().into_iter().filter(|(_, vector)| vector.is_sound()) {
        let name = format!("{file}/{}", vector.name);
        cases.extend(case(name.clone(), vector.octets(), &vector));
        if let Some(ours) = vector.written().filter(|ours| *ours != vector.octets()) {
            cases.extend(case(name + " as linnet writes it", ours, &vector));
        }
    }
    cases
}

fn case(name: String, octets: Vec<u8>, vector: &Vector) -> Option<Case> {
    let as4 = vector.context().encoding.as4;
    Some(Case { name, octets, message: vector.decode().ok()?, as4 })
}

/// The columns that tshark shows of each message, in the order of the messages.
fn columns(cases: &[Case], as4: bool) -> Result<Vec<Vec<String>>> {
    let octets: Vec<&[u8]> = cases.iter().map(|case| &*case.octets).collect();
    let folder = std::env::temp_dir().join(format!("linnet-tshark-{}-{as4}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("vectors.pcap");
    std::fs::write(&file, pcap::file(&octets))?;
    let rows = ask(&file, as4);
    std::fs::remove_dir_all(&folder)?;
    let rows = rows?;
    ensure!(rows.len() == cases.len(), "{} messages, and tshark saw {}", cases.len(), rows.len());
    Ok(rows)
}

fn ask(file: &Path, as4: bool) -> Result<Vec<Vec<String>>> {
    let width = format!("bgp.asn_len:{}", if as4 { "4 octet" } else { "2 octet" });
    let mut command = Command::new("tshark");
    // No reassembly: each packet is a message and the only one of its connection.
    command.args(["-o", &width, "-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.check_checksum:FALSE"]);
    command.arg("-r").arg(file).args([
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "occurrence=a",
        "-E",
        "aggregator=|",
    ]);
    for field in fields() {
        command.args(["-e", field]);
    }
    let output = command.output().context("cannot run tshark")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// Every field that some fact is in.
fn fields() -> impl Iterator<Item = &'static str> {
    FACTS.iter().flat_map(|fact| fact.fields).copied()
}

/// What differs, one fact a line.
fn differences(case: &Case, row: &[String]) -> String {
    let mut text = String::new();
    let mut columns = row.iter();
    for Fact { name, fields, sorted, of } in FACTS {
        let shown = columns.by_ref().take(fields.len()).flat_map(|column| column.split('|'));
        let mut shown: Vec<String> = shown.filter(|value| !value.is_empty()).map(facts::plain).collect();
        let mut ours = of(&case.message);
        if *sorted {
            shown.sort();
            ours.sort();
        }
        let is_known =
            |(vector, facts, _): &(&str, &[&str], &str)| case.name == *vector && facts.contains(name);
        if shown != ours && !EXCEPTIONS.iter().any(is_known) {
            text += &format!("  {name}: tshark {shown:?}, linnet {ours:?}\n");
        }
    }
    text
}

/// Each exception is about a vector and facts that there are.
#[test]
fn exceptions_are_of_something() {
    let cases = cases();
    for (vector, facts, _) in EXCEPTIONS {
        assert!(cases.iter().any(|case| case.name == *vector), "{vector}");
        assert!(facts.iter().all(|name| FACTS.iter().any(|fact| fact.name == *name)), "{facts:?}");
    }
}

#[test]
fn tshark_reads_the_same() -> Result<()> {
    skip_if!(daemon::missing_program("tshark"));
    let mut wrong = String::new();
    let (wide, narrow): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(|case| case.as4);
    for (cases, as4) in [(wide, true), (narrow, false)] {
        for (case, row) in cases.iter().zip(columns(&cases, as4)?) {
            let differences = differences(case, &row);
            if !differences.is_empty() {
                writeln!(wrong, "{}:\n{differences}", case.name)?;
            }
        }
        ensure!(!cases.is_empty(), "only {} messages", cases.len());
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    Ok(())
}

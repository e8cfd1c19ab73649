//! What is shown: the findings, the verdict, and the command to try next.

use std::io;

use serde::Serialize;

use super::check::CHECKS;
use super::facts::Facts;
use super::finding::{Finding, Verdict};
use crate::cli::output::Output;
use crate::cli::table::{Cell, Column, Table, Tone};
use crate::cli::text::printable;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The gravest of the findings; what was skipped does not count.
    verdict: Verdict,
    /// How many are `fail`.
    failures: usize,
    /// How many are `warn`.
    warnings: usize,
    /// How many are `skipped`.
    skipped: usize,
    /// The command to try next; empty if there is nothing to do.
    next: String,
    /// In the order in which a cause stands before what follows from it.
    findings: Vec<Checked>,
}

/// A finding, and which check it is of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Checked {
    check: &'static str,
    #[serde(flatten)]
    finding: Finding,
}

impl Report {
    /// Judges all facts.
    pub(super) fn of(facts: &Facts) -> Report {
        let findings = CHECKS.iter().flat_map(|check| {
            let findings = (check.judge)(facts).unwrap_or_else(|skipped| vec![skipped]);
            findings.into_iter().map(|finding| Checked { check: check.name, finding })
        });
        Report::with(findings.collect())
    }

    fn with(findings: Vec<Checked>) -> Report {
        let count = |verdict| findings.iter().filter(|checked| checked.finding.verdict == verdict).count();
        let (failures, warnings, skipped) =
            (count(Verdict::Fail), count(Verdict::Warn), count(Verdict::Skipped));
        let verdict = match (failures, warnings) {
            (0, 0) => Verdict::Ok,
            (0, _) => Verdict::Warn,
            _ => Verdict::Fail,
        };
        let advice = |verdict| {
            let such = findings.iter().filter(move |checked| checked.finding.verdict == verdict);
            such.map(|checked| checked.finding.next.as_str()).find(|next| !next.is_empty())
        };
        let next =
            advice(Verdict::Fail).or_else(|| advice(Verdict::Warn)).or_else(|| advice(Verdict::Skipped));
        let next = next.unwrap_or_default().to_owned();
        Report { verdict, failures, warnings, skipped, next, findings }
    }

    /// How many are `fail`.
    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    /// As people read it: a table, what follows from what is wrong, the verdict. What is as it should be is one line
    /// a check unless all is asked for.
    pub(super) fn show(&self, output: &mut Output<'_>, all: bool) -> io::Result<()> {
        let lines: Vec<Line> = match all {
            true => self.findings.iter().map(Line::of).collect(),
            false => self.findings.chunk_by(|a, b| a.check == b.check).flat_map(condensed).collect(),
        };
        Table::new(COLUMNS, all, output.colour).all(&lines, output.out)?;
        for checked in self.findings.iter().filter(|checked| checked.has_advice()) {
            checked.explain(output)?;
        }
        writeln!(output.out, "\n{}", self.summary(output.colour))?;
        if !self.next.is_empty() {
            writeln!(output.out, "Next: {}", printable(&self.next))?;
        }
        Ok(())
    }

    fn summary(&self, colour: bool) -> String {
        let verdict = tone(self.verdict).paint(self.verdict.word(), colour);
        let number = |number: usize, one: &str, many: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{number} {many}")),
        };
        let counts = [
            number(self.failures, "failure", "failures"),
            number(self.warnings, "warning", "warnings"),
            number(self.skipped, "point could not be looked at", "points could not be looked at"),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        match counts.is_empty() {
            true => format!("Verdict: {verdict}"),
            false => format!("Verdict: {verdict}: {}", counts.join(", ")),
        }
    }
}

impl Checked {
    fn has_advice(&self) -> bool {
        let Finding { verdict, meaning, next, .. } = &self.finding;
        *verdict > Verdict::Skipped && !(meaning.is_empty() && next.is_empty())
    }

    fn explain(&self, output: &mut Output<'_>) -> io::Result<()> {
        let Finding { subject, verdict, meaning, next, .. } = &self.finding;
        let head = format!("{} {}", self.check, printable(subject));
        writeln!(output.out, "\n{}", tone(*verdict).paint(&head, output.colour))?;
        if !meaning.is_empty() {
            writeln!(output.out, "  {}", printable(meaning))?;
        }
        if !next.is_empty() {
            writeln!(output.out, "  Next: {}", printable(next))?;
        }
        Ok(())
    }
}

/// A line of the table.
#[derive(Debug)]
struct Line {
    check: &'static str,
    subject: String,
    verdict: Verdict,
    found: String,
}

impl Line {
    fn of(checked: &Checked) -> Line {
        let Finding { subject, verdict, found, .. } = &checked.finding;
        Line { check: checked.check, subject: subject.clone(), verdict: *verdict, found: found.clone() }
    }
}

/// The lines of one check: what is not as it should be, and all that is as one.
fn condensed(findings: &[Checked]) -> Vec<Line> {
    let is_ok = |checked: &&Checked| checked.finding.verdict == Verdict::Ok;
    let mut lines: Vec<Line> = findings.iter().filter(|checked| !is_ok(checked)).map(Line::of).collect();
    let good: Vec<&Checked> = findings.iter().filter(is_ok).collect();
    match good.as_slice() {
        [] => {}
        [one] => lines.push(Line::of(one)),
        [one, ..] => lines.push(Line {
            check: one.check,
            subject: format!("{} and {} more", one.finding.subject, good.len() - 1),
            verdict: Verdict::Ok,
            found: one.finding.found.clone(),
        }),
    }
    lines
}

const COLUMNS: &[Column<Line>] = &[
    Column::text("Check", |line| line.check.into()),
    Column::text("Subject", |line| (&line.subject).into()),
    Column::text("Verdict", |line| Cell::from(line.verdict.word()).tone(tone(line.verdict))),
    Column::text("Found", |line| (&line.found).into()),
];

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Skipped => Tone::Plain,
        Verdict::Warn => Tone::Waiting,
        Verdict::Fail => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(findings: &[(&'static str, Finding)], all: bool) -> String {
        let findings = findings.iter().map(|(check, finding)| Checked { check, finding: finding.clone() });
        let (report, mut out) = (Report::with(findings.collect()), Vec::new());
        report.show(&mut Output { out: &mut out, colour: false }, all).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_is_well() {
        let findings = [
            ("underlay", Finding::ok("10.0.0.2", "answers")),
            ("underlay", Finding::ok("10.0.0.3", "answers")),
            ("firewall", Finding::skipped("rules", "nft is not installed")),
        ];
        let table = "\
Check     Subject              Verdict  Found
underlay  10.0.0.2 and 1 more  ok       answers
firewall  rules                skipped  nft is not installed

Verdict: ok: 1 point could not be looked at
";
        assert_eq!(shown(&findings, false), table);
        assert_eq!(shown(&findings, true).lines().count(), 6);
    }

    #[test]
    fn what_is_wrong_is_explained_and_the_gravest_is_next() {
        let findings = [
            ("mtu", Finding::warn("br100", "too large").means("Frames are dropped.").next("ip link")),
            ("rows", Finding::fail("VNI 100", "1 row is missing").next("linnet fib diff\u{1b}[2J")),
            ("rows", Finding::ok("VNI 200", "all rows")),
        ];
        let table = "\
Check  Subject  Verdict  Found
mtu    br100    warn     too large
rows   VNI 100  fail     1 row is missing
rows   VNI 200  ok       all rows

mtu br100
  Frames are dropped.
  Next: ip link

rows VNI 100
  Next: linnet fib diff\\u{1b}[2J

Verdict: fail: 1 failure, 1 warning
Next: linnet fib diff\\u{1b}[2J
";
        assert_eq!(shown(&findings, false), table);
    }
}

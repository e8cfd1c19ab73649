//! Is linnetd there, has it seen the kernel, and what does it warn of itself.

use crate::cli::doctor::facts::{Absence, Facts};
use crate::cli::doctor::finding::{Finding, Judged};
use crate::cli::text;

pub(super) fn judge(facts: &Facts) -> Judged {
    let daemon = match &facts.daemon {
        Ok(daemon) => daemon,
        Err(absence) => return Ok(vec![absent(absence)]),
    };
    let status = &daemon.status;
    let mut findings: Vec<Finding> = status.host_warnings.iter().map(|warning| host(warning)).collect();
    if status.fib.is_some_and(|fib| !fib.synced)
        || status.routes.as_ref().is_some_and(|routes| !routes.synced)
    {
        let found = "it has not read the kernel's state yet";
        findings.push(
            Finding::warn("linnetd", found).means("What follows may be of the moment.").next("linnet status"),
        );
    }
    if findings.is_empty() {
        let up = text::duration(status.uptime_seconds);
        findings.push(Finding::ok("linnetd", format!("version {}, up {up}", status.version)));
    }
    Ok(findings)
}

fn absent(absence: &Absence) -> Finding {
    if absence.denied {
        return Finding::skipped("linnetd", absence.why.as_str()).next("sudo linnet doctor");
    }
    Finding::fail("linnetd", absence.why.as_str())
        .means("Nothing is learnt or announced. Only the kernel is judged below.")
        .next("systemctl status linnetd")
}

fn host(warning: &str) -> Finding {
    Finding::warn("host", warning).next("linnet status")
}

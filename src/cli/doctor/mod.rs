//! `doctor`: walks the list that an operator walks by hand when packets do not arrive, and ends with a verdict and the
//! next command to try.
//!
//! - `facts` gathers what there is to know: from the kernel, through this process's own eyes; from linnetd, over its
//!   API; from the paths to others, by asking along them. What may not be seen is a fact too, with its reason.
//! - `check` judges: a pure function for each point, from facts to findings, and no point knows another.
//! - `report` shows, as a table or as one object.
//!
//! Nothing is changed, and linnetd is not needed: without it the kernel's part is done. What is sent: an echo request
//! or two to each VTEP and to each neighbour without a session, and to each VTEP's VXLAN port a datagram that VTEPs drop.

mod check;
mod facts;
mod finding;
mod report;
mod rows;
#[cfg(test)]
mod testing;

use anyhow::{Result, bail};

use super::args::{DoctorArgs, Format, Global};
use super::output::Output;
use facts::Facts;
use report::Report;

/// Looks, judges and shows.
///
/// # Errors
/// Something fails: a check, or the output.
pub(super) async fn run(args: &DoctorArgs, global: &Global, output: &mut Output<'_>) -> Result<()> {
    let endpoint = global.reach.endpoint(|name| std::env::var(name).ok());
    let endpoint = endpoint.map_err(tonic::Status::invalid_argument)?;
    let report = Report::of(&Facts::gather(&endpoint, &args.config).await);
    let all = global.output == Format::Wide;
    output.one(&report, global.output, |output, report| report.show(output, all))?;
    match report.failures() {
        0 => Ok(()),
        1 => bail!("1 point of the list fails"),
        failures => bail!("{failures} points of the list fail"),
    }
}

//! The command line, `linnet`: asks linnetd over its API and shows the answer.
//!
//! - `args` is what can be typed; `command` is what each command asks for;
//! - `doctor` is the one command that looks for itself;
//! - `view` is how each kind of row looks as a table, and the few views that are not tables;
//! - `top` is the one command that draws: a live picture on the whole terminal;
//! - `advice` is what to do where there is no connection;
//! - `habits` is what others call it;
//! - `complete` answers a shell at Tab;
//! - `topology` draws the fabric;
//! - `output` brings rows out in the chosen format, page by page, so that a million of them need no memory;
//! - `pager` is where they go.
//!
//! But for the doctor's judgement nothing is computed here: rows, filters and reasons are the daemon's, and JSON is the
//! API's own messages.
//!
//! Exit codes: 0 done, 1 it failed, 2 it was asked wrongly. A reader that closes the pipe has seen enough: 0.

mod advice;
pub mod args;
mod command;
mod complete;
mod doctor;
mod habits;
mod output;
mod pager;
mod table;
mod text;
mod top;
mod topology;
mod view;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use api::client::Endpoint;
use clap::Parser;
use tonic::Code;

use args::Cli;
use output::Output;
use pager::Sink;

/// Large enough that a table of a million lines is not written line by line.
const BUFFER: usize = 64 << 10;

/// The whole program: arguments from the process, output to its streams.
pub fn main() -> ExitCode {
    if complete::answered() {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|word| word == "--no-color") {
        // For what clap and the errors below print, too.
        ColorChoice::Never.write_global();
    }
    let cli = Cli::parse_from(habits::translated(std::env::args_os()));
    let endpoint = cli.global.reach.endpoint(|name| std::env::var(name).ok());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error, endpoint.ok().as_ref()),
    }
}

fn run(cli: Cli) -> Result<()> {
    // One worker fetches the next page while this thread writes the last.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let sink = Sink::new(cli.command.is_paged() && !cli.global.no_pager);
        let mut out = BufWriter::with_capacity(BUFFER, sink);
        let done = command::run(cli, Output { out: &mut out, colour }).await;
        // What was written before an error is shown before the error.
        let done = done.and(out.flush().map_err(Into::into));
        let (sink, _) = out.into_parts();
        sink.finish();
        done
    })
}

fn report(error: &anyhow::Error, endpoint: Option<&Endpoint>) -> ExitCode {
    if closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let (message, code) = match error.downcast_ref::<tonic::Status>() {
        Some(status) if status.code() == Code::InvalidArgument => (status.message().to_owned(), 2),
        Some(status) => (explain(status, endpoint), 1),
        None => (with(format!("{error:#}"), error.downcast_ref().and_then(advice::on_connecting)), 1),
    };
    let style = anstyle::AnsiColor::Red.on_default().bold();
    // A message of several lines is a list of faults, or what is wrong and what to do.
    let lines: Vec<_> = message.lines().map(text::printable).collect();
    anstream::eprintln!("{style}error:{style:#} {}", lines.join("\n"));
    ExitCode::from(code)
}

/// A status that has words of the daemon speaks for itself; the transport's own do not.
fn explain(status: &tonic::Status, endpoint: Option<&Endpoint>) -> String {
    let of_connection = endpoint.and_then(|endpoint| advice::on_asking(status, endpoint));
    of_connection.unwrap_or_else(|| with(status.message().to_owned(), advice::on_refusal(status)))
}

fn with(message: String, advice: Option<String>) -> String {
    advice.into_iter().fold(message, |message, advice| format!("{message}\n{advice}"))
}

fn closed_pipe(error: &anyhow::Error) -> bool {
    // A request fails with the connection's error, which is linnetd's side and not the reader's.
    !error.is::<tonic::Status>()
        && error.chain().any(|cause| {
            let kind = match cause.downcast_ref::<serde_json::Error>() {
                Some(json) => json.io_error_kind(),
                None => cause.downcast_ref::<io::Error>().map(io::Error::kind),
            };
            kind == Some(ErrorKind::BrokenPipe)
        })
}

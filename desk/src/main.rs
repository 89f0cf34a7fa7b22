//! `goodstead-desk`: the command line of the desk. stdout carries the result, stderr the log.

#![forbid(unsafe_code)]

mod command;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use command::{Action, Cli, LoginArgs, ServeArgs, TokenArgs};
use goodstead_desk::auth::Logins;
use goodstead_desk::serve::{Server, Wish};
use goodstead_desk::store::Store;
use goodstead_desk::{Desk, Error};
use jiff::SignedDuration;
use tokio::signal::unix::{SignalKind, signal};

/// The lifetime of a token that is printed at the start, in hours.
const FIRST_TOKEN_HOURS: u32 = 24;

#[tokio::main]
async fn main() -> ExitCode {
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colour).with_target(false).init();
    let done = match Cli::parse().action {
        Action::Serve(args) => serve(args).await,
        Action::Token(args) => token(args).await,
        Action::Login(args) => login(&args),
        Action::Manual { folder } => clap_mangen::generate_to(Cli::command(), folder).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("goodstead-desk: {error:#}");
            let usage = matches!(error.downcast_ref(), Some(Error::Exposed(_) | Error::Unusable(_)));
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let limits = args.quotas.limits();
    let tls = args.tls_cert.zip(args.tls_key);
    let wish = Wish { address: args.listen, tls, logins: args.login_file, limits };
    let server = Server::bind(&wish)?;
    let desk = Desk::open(&args.database).await?;
    // Before the first line is out, so that whoever read it can also stop the desk cleanly.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut lines = format!("Goodstead desk listening on {}\n", server.url());
    if let Some(customer) = &args.token_for {
        let token = issue(desk.store(), customer, FIRST_TOKEN_HOURS).await?;
        lines.push_str(&format!("Enrolment token (valid once, for {FIRST_TOKEN_HOURS} hours): {token}\n"));
    }
    print(&lines)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(server.run(desk, stop).await?)
}

async fn token(args: TokenArgs) -> anyhow::Result<()> {
    let store = Store::open(&args.database).await?;
    let token = issue(&store, &args.customer, args.hours).await?;
    store.close().await;
    print(&format!("{token}\n"))
}

async fn issue(store: &Store, customer: &str, hours: u32) -> anyhow::Result<String> {
    let expires = goodstead_desk::now().checked_add(SignedDuration::from_hours(hours.into()))?;
    Ok(store.issue_token(customer, expires).await?)
}

fn login(args: &LoginArgs) -> anyhow::Result<()> {
    let password = command::read_password()?;
    Ok(Logins::set(&args.login_file, &args.user, &password)?)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to stdout")
}

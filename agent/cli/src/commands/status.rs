//! `goodstead status`: what is installed, trusted, configured and allowed, and how the last scan went. Changes nothing,
//! runs no plugin and asks no product.

use goodstead_engine::Pack as EnginePack;
use goodstead_model::Pack;
use goodstead_protocol::PROTOCOL;

use super::plugins::{isolation, last_of, vouched};
use super::{Exit, Installed, Outcome, configuration, now};
use crate::args::Format;
use crate::config::Config;
use crate::entitlement;
use crate::installation::Installation;
use crate::packs;
use crate::plugins::Plugin;
use crate::render::words::day;
use crate::render::{diagnostics, json, output, page, status};
use crate::state::{SetAside, State, StateError};
use crate::status::{ConfigFile, Last, PackStatus, PluginStatus, SetAsideStatus, StateStatus, Status};
use crate::users;

/// Runs the command.
pub(crate) fn run(format: Format, installation: &Installation) -> Outcome {
    let (config, sound) = configuration(installation);
    let installed = Installed::read(installation, &config)?;
    diagnostics::print(&installed.trust.diagnostics);
    diagnostics::print(&installed.plugins.diagnostics);
    let found = status(installation, &config, sound, &installed);
    let text = match format {
        Format::Json => json::pretty(&found),
        Format::Text => status::text(&found, page::width()),
    };
    output::write(&text, None)?;
    let whole = sound
        && installed.trust.sound()
        && installed.plugins.diagnostics.is_empty()
        && found.state.problem.is_none();
    Ok(if whole { Exit::Fine } else { Exit::Trouble })
}

fn status(installation: &Installation, config: &Config, sound: bool, installed: &Installed) -> Status {
    let (state, report) = state(installation);
    let all = installed.plugins.usable.iter().map(|plugin| plugin.manifest.name.clone()).collect();
    let packs = packs::to_judge(installation, &installed.trust, &installed.known, all);
    let (entitlement, entitlement_problem) = match entitlement::read(installation, &installed.trust, &now()) {
        Ok(found) => (found, None),
        Err(problem) => (None, Some(problem.to_string())),
    };
    let plugin = |plugin: &Plugin| PluginStatus {
        isolation: isolation(plugin, report.as_ref()),
        ..plugin_status(plugin, config)
    };
    let file = installation.config_file();
    let mut pack_notes: Vec<_> = packs.diagnostics.iter().map(ToString::to_string).collect();
    pack_notes.extend(packs.notes.iter().chain(&packs.skipped).cloned());
    Status {
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL,
        report_schema: goodstead_model::SCHEMA,
        user: users::current().name,
        config: ConfigFile { present: file.exists(), file: file.display().to_string(), sound },
        trusted_keys: installed.trust.key_names(),
        allow_unsigned: config.allow_unsigned.iter().map(|path| path.display().to_string()).collect(),
        require_full_isolation: config.require_full_isolation,
        plugins: installed.plugins.usable.iter().map(plugin).collect(),
        packs: packs.usable.iter().map(|pack| pack_status(packs.entry(pack), pack)).collect(),
        pack_notes,
        entitlement,
        entitlement_problem,
        state,
    }
}

fn plugin_status(plugin: &Plugin, config: &Config) -> PluginStatus {
    let manifest = &plugin.manifest;
    let name = manifest.name.clone();
    let (signature, refused) = match vouched(plugin) {
        Ok(signature) => (Some(signature), None),
        Err(refused) => (None, Some(refused.why().to_owned())),
    };
    let connects = !manifest.permissions.connect.is_empty();
    let user =
        connects.then(|| users::acting_user(&name, manifest.grant.is_some(), config.connect_as(&name)));
    let (connects_as, connects_as_nobody) = match user {
        Some(Ok(user)) => (Some(user.name), None),
        Some(Err(cause)) => (None, Some(cause)),
        None => (None, None),
    };
    PluginStatus {
        version: manifest.version.to_string(),
        title: manifest.title.clone(),
        enabled: !config.disabled(&name),
        signature,
        refused,
        isolation: String::new(),
        connects_as,
        connects_as_nobody,
        grant: manifest.grant.as_ref().map(|_| format!("goodstead grant {name}")),
        name,
    }
}

fn pack_status(entry: Pack, pack: &EnginePack) -> PackStatus {
    PackStatus {
        pack: entry,
        checks: pack.checks.len(),
        capabilities: pack.capabilities.len(),
        milestones: pack.milestones.len(),
        tasks: pack.tasks.len(),
    }
}

fn set_aside(refused: SetAside) -> SetAsideStatus {
    let SetAside { report, time, status, reason, .. } = refused;
    SetAsideStatus { report, time, status, reason }
}

/// What is kept, and the report that says which plugins ran last. Nothing is made where there is none yet.
fn state(installation: &Installation) -> (StateStatus, Option<goodstead_model::Report>) {
    let file = installation.state_file();
    let mut status = StateStatus { file: file.display().to_string(), ..StateStatus::default() };
    if file.symlink_metadata().is_err() {
        return (status, None);
    }
    let read = |status: &mut StateStatus| {
        let state = State::open(&file)?;
        let today = now();
        let waivers = state.waivers()?;
        status.expired_waivers = waivers.iter().filter(|it| it.waiver.expired(day(&today))).count();
        status.waivers = waivers.len() - status.expired_waivers;
        status.desk = state.enrolment()?.map(|enrolment| enrolment.desk);
        status.spooled = state.spooled_count()?;
        status.set_aside = state.all_set_aside()?.into_iter().map(set_aside).collect();
        status.reports = state.report_count()?;
        let full = state.report(None)?.map(|kept| kept.parse()).transpose()?;
        Ok::<_, StateError>((full, last_of(&state)?))
    };
    match read(&mut status) {
        Ok((full, ran)) => {
            status.last = full.map(|report| Last {
                id: report.id.clone(),
                time: report.time.clone(),
                readiness: report.readiness,
            });
            (status, ran)
        }
        Err(problem) => {
            status.problem = Some(problem.to_string());
            (status, None)
        }
    }
}

//! What a container is called: the name that its engine keeps for it, else the beginning of its id.
//!
//! Engines put a container's processes into a control group that bears its id. What they keep of a container below that
//! id also holds its environment, and with it passwords: only the names are taken out.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::files::read_regular;

/// How many digits of an id are shown, as the engines' own commands do.
const SHORT: usize = 12;

/// How many digits an id has.
const ID: usize = 64;

/// The longest name.
const MAX_NAME: usize = 63;

/// The largest file of an engine that is read: the description of one container, or the list of all.
const MAX_FILE: u64 = 4 << 20;

/// The name of the container that a process is in; none for a process in none.
pub(super) fn of(pid: u32) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    named(&groups, Path::new("/"))
}

/// The name by the control groups of a process.
fn named(groups: &str, host: &Path) -> Option<String> {
    let paths: Vec<&str> = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)).collect();
    let parts = || paths.iter().flat_map(|path| path.split('/'));
    if let Some(id) = parts().find_map(id_in) {
        let known = docker(host, id).or_else(|| cri(host, id)).or_else(|| podman(host, id));
        return known.or_else(|| id.get(..SHORT).map(str::to_owned));
    }
    // LXC and systemd-nspawn name the groups after the containers themselves.
    parts().find_map(|part| {
        let name = part
            .strip_prefix("lxc.payload.")
            .map(str::to_owned)
            .or_else(|| Some(part.strip_prefix("machine-")?.strip_suffix(".scope")?.replace("\\x2d", "-")));
        name.and_then(|name| plain(&name))
    })
}

/// The id in one part of a path: `docker-ID.scope`, `cri-containerd-ID.scope`, `libpod-ID.scope`, `crio-ID`, or ID alone.
fn id_in(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    let id = part.rsplit('-').next()?;
    let is_id = id.len() == ID && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    // Podman keeps the process that watches a container in a group beside it.
    (is_id && !part.contains("conmon")).then_some(id)
}

/// Docker and Moby.
fn docker(host: &Path, id: &str) -> Option<String> {
    let file = host.join("var/lib/docker/containers").join(id).join("config.v2.json");
    let json = read(&file)?;
    let pod =
        labelled(json.pointer("/Config/Labels"), "io.kubernetes.pod.name", "io.kubernetes.container.name");
    pod.or_else(|| plain(json.get("Name")?.as_str()?.trim_start_matches('/')))
}

/// containerd and CRI-O below Kubernetes: the pod's name and the container's in it.
fn cri(host: &Path, id: &str) -> Option<String> {
    let containerd =
        host.join("run/containerd/io.containerd.runtime.v2.task/k8s.io").join(id).join("config.json");
    let of_containerd = || {
        labelled(
            read(&containerd)?.get("annotations"),
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri.container-name",
        )
    };
    let crio = ["run", "var/lib"].map(|folder| {
        host.join(folder).join("containers/storage/overlay-containers").join(id).join("userdata/config.json")
    });
    let of_crio = |file: &Path| {
        labelled(read(file)?.get("annotations"), "io.kubernetes.pod.name", "io.kubernetes.container.name")
    };
    of_containerd().or_else(|| crio.iter().find_map(|file| of_crio(file)))
}

/// Podman as root: one list of all containers.
fn podman(host: &Path, id: &str) -> Option<String> {
    let list = read(&host.join("var/lib/containers/storage/overlay-containers/containers.json"))?;
    let own = list.as_array()?.iter().find(|one| one.get("id").and_then(Json::as_str) == Some(id))?;
    plain(own.get("names")?.get(0)?.as_str()?)
}

/// `POD-CONTAINER`, or the pod alone where both are called the same.
fn labelled(labels: Option<&Json>, pod: &str, container: &str) -> Option<String> {
    let label = |name: &str| labels?.get(name)?.as_str();
    match (label(pod)?, label(container)) {
        (pod, Some(container)) if container != pod => plain(&format!("{pod}-{container}")),
        (pod, _) => plain(pod),
    }
}

fn read(file: &Path) -> Option<Json> {
    let (bytes, _) = read_regular(file, MAX_FILE).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A name as engines allow them; anything else is none.
fn plain(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let shown: String = name.chars().take(MAX_NAME).collect();
    (!shown.is_empty() && shown.chars().all(fits)).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "4f1c7a9e2b3d5068c7f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7";

    /// A host with one file, and what a process in this group is called there.
    fn called(group: &str, file: &str, text: &str) -> Option<String> {
        let host = tempfile::tempdir().unwrap();
        if !file.is_empty() {
            let file = host.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        named(&format!("0::{group}\n"), host.path())
    }

    #[test]
    fn each_engine_names_its_containers() {
        let docker = format!("var/lib/docker/containers/{ONE}/config.v2.json");
        let containerd = format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ONE}/config.json");
        let crio = format!("run/containers/storage/overlay-containers/{ONE}/userdata/config.json");
        let podman = "var/lib/containers/storage/overlay-containers/containers.json".to_owned();
        let cases = [
            (format!("/system.slice/docker-{ONE}.scope"), docker.clone(), r#"{"Name": "/shop-db", "Config": {"Env": ["POSTGRES_PASSWORD=example"]}}"#.to_owned(), "shop-db"),
            (format!("/docker/{ONE}"), docker, r#"{"Name": "/k8s_x", "Config": {"Labels": {"io.kubernetes.pod.name": "db-0", "io.kubernetes.container.name": "postgres"}}}"#.to_owned(), "db-0-postgres"),
            (
                format!("/kubepods.slice/kubepods-burstable.slice/cri-containerd-{ONE}.scope"),
                containerd,
                r#"{"annotations": {"io.kubernetes.cri.sandbox-name": "orders-1", "io.kubernetes.cri.container-name": "postgres"}}"#.to_owned(),
                "orders-1-postgres",
            ),
            (format!("/kubepods.slice/crio-{ONE}.scope"), crio, r#"{"annotations": {"io.kubernetes.pod.name": "db", "io.kubernetes.container.name": "db"}}"#.to_owned(), "db"),
            (format!("/machine.slice/libpod-{ONE}.scope/container"), podman, format!(r#"[{{"id": "other", "names": ["no"]}}, {{"id": "{ONE}", "names": ["books"]}}]"#), "books"),
            ("/lxc.payload.web/init.scope".to_owned(), String::new(), String::new(), "web"),
            ("/machine.slice/machine-my\\x2ddb.scope".to_owned(), String::new(), String::new(), "my-db"),
        ];
        for (group, file, text, name) in cases {
            assert_eq!(called(&group, &file, &text).as_deref(), Some(name), "{group}");
        }
    }

    #[test]
    fn without_a_name_that_can_be_read_it_is_the_id() {
        let group = format!("/system.slice/docker-{ONE}.scope");
        let file = format!("var/lib/docker/containers/{ONE}/config.v2.json");
        for text in [
            "",
            "{",
            "[]",
            r#"{"Name": 5}"#,
            r#"{"Name": "/"}"#,
            "{\"Name\": \"/a\\u001b[2Jb\"}",
            r#"{"Name": "/ä"}"#,
        ] {
            assert_eq!(called(&group, &file, text).as_deref(), Some("4f1c7a9e2b3d"), "{text}");
        }
        assert_eq!(called(&group, "", "").as_deref(), Some("4f1c7a9e2b3d"));
    }

    #[test]
    fn a_process_of_the_host_is_in_none() {
        for group in [
            "/",
            "/system.slice/postgresql@15-main.service",
            "/user.slice/user-1000.slice/session-2.scope",
            "/docker/short",
            "/lxc.payload.",
            &format!("/libpod-conmon-{ONE}.scope"),
        ] {
            assert_eq!(called(group, "", ""), None, "{group}");
        }
    }
}

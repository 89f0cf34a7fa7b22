//! What machine, processors and tasks are told to be, from recorded files.

use goodstead_plugin::FileKind;
use goodstead_plugin::fake::FakeSite;

use super::*;

const X86: &str = "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n";
const X86_METAL: &str = "processor\t: 0\nflags\t\t: fpu vme lahf_lm\n";
const ARM: &str = "processor\t: 0\nFeatures\t: fp asimd\n";

fn read(mut site: FakeSite) -> Readings {
    Readings::read(&mut site, &["/proc/*", "/sys/**"]).unwrap()
}

fn kind(cpuinfo: &str, maker: Option<(&str, &str)>) -> Result<String, CauseKind> {
    let mut site = FakeSite::new().file("/proc/cpuinfo", cpuinfo);
    if let Some((maker, product)) = maker {
        site = site.file(&format!("{DMI}sys_vendor"), maker).file(&format!("{DMI}product_name"), product);
    }
    machine(Ok(true), &read(site)).map_err(|cause| cause.kind)
}

#[test]
fn container_virtual_and_metal_are_told_apart() {
    assert_eq!(kind(X86, None).as_deref(), Ok("virtual"));
    assert_eq!(kind(X86_METAL, None).as_deref(), Ok("metal"));
    // A hypervisor that hides its flag and not its name.
    assert_eq!(kind(X86_METAL, Some(("VMware, Inc.\n", "VMware7,1\n"))).as_deref(), Ok("virtual"));
    assert_eq!(kind(ARM, Some(("QEMU\n", "KVM Virtual Machine\n"))).as_deref(), Ok("virtual"));
    assert_eq!(kind(ARM, Some(("Amazon EC2\n", "m7g.large\n"))).as_deref(), Ok("virtual"));
    assert_eq!(kind(ARM, Some(("Amazon EC2\n", "m7g.metal\n"))).as_deref(), Ok("metal"));
    assert_eq!(kind(ARM, Some(("Example Computers\n", "Server 9\n"))).as_deref(), Ok("metal"));
    // Without DMI a processor of another family tells nothing.
    assert_eq!(kind(ARM, None), Err(CauseKind::Absent));
    assert_eq!(machine(Ok(false), &Readings::default()).as_deref(), Ok("container"));
    let refused = Err(Cause::new(CauseKind::NotPermitted, "hidden"));
    assert_eq!(machine(refused, &Readings::default()).unwrap_err().kind, CauseKind::NotPermitted);
}

#[test]
fn a_laptop_is_known_by_chassis_or_battery() {
    let chassis = |kind: &str| read(FakeSite::new().file(&format!("{DMI}chassis_type"), kind));
    let entry = |name: &str| Entry { name: name.to_owned(), kind: FileKind::Link };
    let none = || Err(Cause::new(CauseKind::Absent, "no such folder"));
    assert_eq!(portable(&chassis("9\n"), none()), Ok(true));
    assert_eq!(portable(&chassis("1\n"), Ok(vec![])), Ok(false));
    assert_eq!(portable(&chassis("23\n"), Ok(vec![entry("AC"), entry("BAT0")])), Ok(true));
    assert_eq!(portable(&Readings::default(), none()), Ok(false));
    let refused = || Err(Cause::new(CauseKind::NotPermitted, "no"));
    assert_eq!(portable(&chassis("odd"), refused()).unwrap_err().kind, CauseKind::NotAvailable);
}

#[test]
fn processors_and_tasks_are_told() {
    let mut site = FakeSite::new()
        .file("/proc/stat", "cpu  100 1 20 800 3 0 2 74 50 0\ncpu0 1 1\nprocs_blocked 2\n")
        .file("/proc/loadavg", "0.20 0.18 0.12 1/80 11206\n")
        .file("/sys/devices/system/node/online", "0-1\n")
        .file(&format!("{CLOCKSOURCE}current_clocksource"), "tsc\n")
        .file(&format!("{CLOCKSOURCE}available_clocksource"), "tsc hpet acpi_pm \n")
        .file(&format!("{CPUFREQ}scaling_governor"), "powersave\n")
        .file("/proc/sys/kernel/threads-max", "31234\n")
        .file("/proc/sys/kernel/pid_max", "4194304\n");
    let sysctl = Running::read(&mut site).unwrap();
    let readings = read(site);
    insta::assert_snapshot!(processor(&readings).to_json(), @r#"{"clocksource":"tsc","clocksources":"tsc hpet acpi_pm","governor":"powersave","numa_nodes":2,"stolen_ticks":74,"ticks":1000}"#);
    insta::assert_snapshot!(tasks(&readings, Ok(&sysctl)).to_json(), @r#"{"blocked":2,"limit":31234,"total":80}"#);
}

#[test]
fn nonsense_is_unknown_and_one_node_is_the_rule() {
    for text in [
        "",
        "cpu ",
        "cpu 1 2 3",
        "cpu a b c d e f g h",
        "\0",
        "0.1 0.1",
        "0.1 0.1 0.1 x",
        "cpu 9223372036854775807 9 9 9 9 9 9 9",
    ] {
        let readings = read(FakeSite::new().file("/proc/stat", text).file("/proc/loadavg", text));
        let json = processor(&readings).to_json();
        assert!(json["ticks"]["$unknown"].is_object(), "{text}: {json}");
        assert_eq!(json["numa_nodes"], 1);
        let json = tasks(&readings, Ok(&Running::default())).to_json();
        assert!(json["total"]["$unknown"].is_object() && json["blocked"]["$unknown"].is_object(), "{text}");
        assert_eq!(json["limit"]["$unknown"]["kind"], "absent");
    }
}

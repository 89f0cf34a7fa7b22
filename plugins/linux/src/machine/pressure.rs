//! Pressure stall information: the share of time in which work stood still for want of something.

use goodstead_plugin::{Cause, CauseKind, Fact, UnknownOr, facts};

use crate::basics::readings::{Readings, odd};

/// The record `pressure`: averages over the last 300 seconds, of memory over the last 60 as well, in per cent of the time.
pub(crate) fn pressure(readings: &Readings) -> Fact {
    let of = |resource: &str, line: &str| average(readings, resource, line, "avg300=").or_unknown();
    let of_minute = |line: &str| average(readings, "memory", line, "avg60=").or_unknown();
    facts! {
        "cpu_some_percent" => of("cpu", "some"),
        "io_some_percent" => of("io", "some"),
        "io_full_percent" => of("io", "full"),
        "memory_some_percent" => of("memory", "some"),
        "memory_full_percent" => of("memory", "full"),
        "memory_some_percent_of_minute" => of_minute("some"),
        "memory_full_percent_of_minute" => of_minute("full"),
    }
}

fn average(readings: &Readings, resource: &str, line: &str, span: &str) -> Result<Fact, Cause> {
    let path = format!("/proc/pressure/{resource}");
    // Kernels that are built with it switched off have no such file, or one that cannot be read: neither means 0.
    let text = readings.get(&path).map_err(|cause| match cause.kind {
        CauseKind::NotPermitted | CauseKind::TimedOut | CauseKind::NotApplicableHere => cause,
        _ => Cause::new(CauseKind::NotAvailable, "this kernel does not measure pressure")
            .remedy("boot with psi=1 on the kernel's command line (from Linux 4.20)"),
    })?;
    find(text, line, span).map(Fact::Float).ok_or_else(|| odd(&path))
}

/// Lines are `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn find(text: &str, wanted: &str, span: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(' '))?;
    let value = line.split(' ').find_map(|word| word.strip_prefix(span))?;
    value.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(site: FakeSite) -> serde_json::Value {
        let mut site = site;
        pressure(&Readings::read(&mut site, &["/proc/pressure/*"]).unwrap()).to_json()
    }

    #[test]
    fn the_five_minute_averages_are_told() {
        let memory = "some avg10=9.00 avg60=8.00 avg300=7.25 total=1\nfull avg10=3.00 avg60=2.00 avg300=1.50 total=1\n";
        let json = told(FakeSite::new().file("/proc/pressure/memory", memory));
        assert_eq!(
            (json["memory_some_percent"].as_f64(), json["memory_full_percent"].as_f64()),
            (Some(7.25), Some(1.5))
        );
        let minute = |name: &str| json[format!("memory_{name}_percent_of_minute")].as_f64();
        assert_eq!((minute("some"), minute("full")), (Some(8.0), Some(2.0)));
    }

    #[test]
    fn a_kernel_that_does_not_measure_is_unknown_with_the_way_out() {
        let built_off = told(FakeSite::new().refused_file(
            "/proc/pressure/memory",
            CauseKind::NotAvailable,
            "Operation not supported",
        ));
        for json in [built_off, told(FakeSite::new())] {
            let unknown = &json["memory_full_percent"]["$unknown"];
            assert_eq!(unknown["kind"], "not-available", "{json}");
            assert!(unknown["remedy"].as_str().unwrap().contains("psi=1"), "{json}");
        }
    }

    #[test]
    fn nonsense_is_unknown() {
        for text in [
            "",
            "some",
            "some avg300",
            "some avg300=many",
            "some avg300=NaN",
            "some avg300=-1",
            "somewhat avg300=1",
            "some avg300=1e9",
            "\0",
        ] {
            let json = told(FakeSite::new().file("/proc/pressure/io", text));
            assert_eq!(json["io_some_percent"]["$unknown"]["kind"], "not-available", "{text}");
        }
    }
}

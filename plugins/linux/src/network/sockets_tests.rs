//! Sums and connections of TCP, from recorded tables.

use goodstead_plugin::fake::FakeSite;
use proptest::prelude::*;

use super::*;

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// A host with so many sockets in use, and room for 100 connections to one port.
fn host(inuse: i64) -> FakeSite {
    FakeSite::new()
        .file("/proc/sys/net/ipv4/ip_local_port_range", "40000\t40109\n")
        .file("/proc/sys/net/ipv4/ip_local_reserved_ports", "8080,40000-40009\n")
        .file("/proc/sys/net/ipv4/tcp_mem", "10\t20\t30\n")
        .file(SOCKSTAT, format!("sockets: used 16\nTCP: inuse {inuse} orphan 0 tw 2 alloc 1 mem 25\n"))
        .file(SOCKSTAT6, "TCP6: inuse 3\n")
}

fn line(local: &str, remote: &str, state: &str) -> String {
    format!("   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 0 0 1 1 0\n")
}

fn told(mut site: FakeSite) -> (serde_json::Value, Result<Fact, Cause>) {
    let sysctl = Running::read(&mut site).unwrap();
    let readings = Readings::read(&mut site, &["/proc/self/net/*"]).unwrap();
    let sums = Sums::read(&readings, Ok(&sysctl));
    (sums.facts(&readings, Ok(&sysctl), Ok(4096)).to_json(), sums.connections(&mut site))
}

#[test]
fn sums_are_in_bytes_and_reserved_ports_are_not_to_be_had() {
    insta::assert_snapshot!(told(host(7)).0, @r#"{"ephemeral_ports":100,"memory_bytes":102400,"memory_limit_bytes":122880,"sockets":12,"time_wait":2}"#);
}

#[test]
fn few_sockets_need_no_table() {
    let full = HEADING.to_owned() + &line("020200C0:9C41", "076433C6:1538", "01");
    assert_eq!(told(host(7).file(TABLES[0], full)).1, Ok(Vec::new().into()));
}

#[test]
fn connections_are_counted_by_where_they_lead() {
    let mut table = HEADING.to_owned();
    table += &line("00000000:1538", "00000000:0000", "0A");
    table += &line("020200C0:9C41", "076433C6:1538", "01");
    table += &line("020200C0:9C42", "076433C6:1538", "06");
    table += &line("0100007F:9C43", "0100007F:1F90", "01");
    let v6 = HEADING.to_owned()
        + &line("0000000000000000FFFF0000020200C0:9C44", "0000000000000000FFFF0000076433C6:1538", "01");
    let connections = told(host(60).file(TABLES[0], table).file(TABLES[1], v6)).1.unwrap().to_json();
    insta::assert_snapshot!(connections.to_string().replace("},", "}\n"), @r#"
    [{"connections":3,"loopback":false,"route":"192.0.2.2 to 198.51.100.7:5432","time_wait":1}
    {"connections":1,"loopback":true,"route":"127.0.0.1 to 127.0.0.1:8080","time_wait":0}]
    "#);
}

#[test]
fn a_flood_is_cut_and_said() {
    let table = HEADING.to_owned() + &line("020200C0:9C41", "076433C6:1538", "01").repeat(MAX_LINES + 1);
    let Ok(Fact::List(list)) = told(host(60).file(TABLES[0], table)).1 else { panic!("no list") };
    assert_eq!(list.partial.unwrap().kind, CauseKind::TooLarge);
    let Fact::Map(group) = &list.items[0] else { panic!("no record") };
    assert_eq!(group.items["connections"], Fact::Int(MAX_LINES as i64));
    let table: String = (0..50).map(|n| line("020200C0:9C41", &format!("076433C6:{n:04X}"), "01")).collect();
    let Ok(Fact::List(list)) = told(host(60).file(TABLES[0], HEADING.to_owned() + &table)).1 else {
        panic!("no list")
    };
    assert_eq!((list.items.len(), list.partial), (MAX_GROUPS, None));
}

#[test]
fn nonsense_is_unknown() {
    for text in ["", "TCP:", "TCP: inuse", "TCP: inuse x tw y mem z", "\0"] {
        let (json, connections) = told(host(1).file(SOCKSTAT, text));
        assert!(json["memory_bytes"]["$unknown"].is_object(), "{text}");
        assert!(connections.is_err(), "{text}");
    }
    let (json, _) = told(host(1).file("/proc/sys/net/ipv4/ip_local_port_range", "9 1"));
    assert!(json["ephemeral_ports"]["$unknown"].is_object(), "{json}");
}

proptest! {
    #[test]
    fn no_line_breaks_it(line in "[ :0-9A-F]{0,60}|\\PC{0,60}") {
        let _ = connection(&line);
    }
}

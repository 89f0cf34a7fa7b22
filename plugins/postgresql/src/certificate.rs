//! From when until when the server's certificate is valid: the file's first certificate, read just far enough for its
//! dates (X.509, RFC 5280, 4.1). Only a public certificate is ever looked for, and of it only these dates are told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt, UnknownOr, facts};

/// The record `tls`: empty where no file is named. `now` is in seconds since 1970.
pub(crate) fn facts(site: &mut dyn Site, file: Option<&str>, now: i64) -> Fact {
    let Some(path) = file else { return facts! {} };
    let validity = site.read_text(path).and_then(|text| {
        let unread =
            || Cause::new(CauseKind::NotAvailable, "the file of the certificate holds none that can be read");
        der(&text).and_then(|der| Validity::read(&der)).ok_or_else(unread)
    });
    let shown =
        |end: fn(&Validity) -> &Time| validity.as_ref().map(|it| end(it).rfc3339()).map_err(Clone::clone);
    facts! {
        "certificate_file" => path,
        "certificate_begins" => shown(|it| &it.begins).or_unknown(),
        "certificate_expires" => shown(|it| &it.expires).or_unknown(),
        "certificate_seconds_left" => validity.map(|it| it.expires.seconds() - now).or_unknown(),
    }
}

/// The bytes of the first certificate of a PEM file.
fn der(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(body).ok()
}

/// One element of DER: its tag, its contents, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A certificate is shorter than 16 MiB.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The two ends of a certificate's time: notBefore and notAfter.
struct Validity {
    begins: Time,
    expires: Time,
}

impl Validity {
    fn read(der: &[u8]) -> Option<Validity> {
        let inside =
            |bytes| element(bytes).filter(|(tag, ..)| *tag == SEQUENCE).map(|(_, contents, _)| contents);
        let mut rest = inside(inside(der)?)?;
        let (tag, _, after) = element(rest)?;
        if tag == VERSION {
            rest = after;
        }
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            (_, _, rest) = element(rest)?;
        }
        let (begin_tag, begin, rest) = element(inside(rest)?)?;
        let (end_tag, end, _) = element(rest)?;
        Some(Validity { begins: Time::read(begin_tag, begin)?, expires: Time::read(end_tag, end)? })
    }
}

/// A point in time, in UTC.
#[derive(Debug, Clone, PartialEq)]
struct Time([i64; 6]);

impl Time {
    fn read(tag: u8, contents: &[u8]) -> Option<Time> {
        let text = std::str::from_utf8(contents).ok()?.strip_suffix('Z')?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let year: i64 = number(text.get(..2)?)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
            }
            GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
            _ => return None,
        };
        let part = |at: usize| number(rest.get(at..at + 2)?);
        let time = [year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?];
        let [_, month, day, hour, minute, second] = time;
        let plausible = rest.len() == 10
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        plausible.then_some(Time(time))
    }

    fn rfc3339(&self) -> String {
        let [year, month, day, hour, minute, second] = self.0;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Since 1970. Years are counted from March, so that the leap day is the last.
    fn seconds(&self) -> i64 {
        let [year, month, day, hour, minute, second] = self.0;
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days =
            365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
        ((days * 24 + hour) * 60 + minute) * 60 + second
    }
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    /// Made for this test: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=db.example.test`
    const PEM: &str = include_str!("certificate/test.pem");

    fn told(text: &str, now: i64) -> String {
        facts(&mut FakeSite::new().file("/c.crt", text), Some("/c.crt"), now).to_json().to_string()
    }

    #[test]
    fn a_real_certificate_s_ends_are_read() {
        let Validity { begins, expires } = Validity::read(&der(PEM).unwrap()).unwrap();
        assert_eq!(begins.rfc3339(), "2026-11-22T05:38:25Z");
        assert_eq!(expires.rfc3339(), "2036-11-19T05:38:25Z");
        let facts = told(PEM, expires.seconds() - 60);
        assert!(facts.contains("\"certificate_begins\":\"2026-11-22T05:38:25Z\""), "{facts}");
        assert!(facts.contains("\"certificate_seconds_left\":60"), "{facts}");
    }

    #[test]
    fn both_spellings_of_a_time_and_the_calendar_are_right() {
        for (tag, text, shown, seconds) in [
            (UTC_TIME, "700101000000Z", "1970-01-01T00:00:00Z", 0),
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z", 2_524_607_999),
            (GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z", 2_524_608_000),
            (GENERALIZED_TIME, "20240229120000Z", "2024-02-29T12:00:00Z", 1_709_208_000),
        ] {
            let time = Time::read(tag, text.as_bytes()).unwrap();
            assert_eq!((time.rfc3339().as_str(), time.seconds()), (shown, seconds));
        }
        for text in ["", "Z", "7001010000Z", "701301000000Z", "70-101000000Z", "700101000000", "é0101000000Z"]
        {
            assert_eq!(Time::read(UTC_TIME, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_unknown_and_no_panic() {
        for text in [
            "",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----é-----END CERTIFICATE-----",
        ] {
            assert!(told(text, 0).contains("not-available"), "{text}");
        }
        let der = der(PEM).unwrap();
        for length in 0..der.len() {
            let _ = Validity::read(der.get(..length).unwrap());
        }
        for index in 0..der.len() {
            for byte in [0, 0x7f, 0x80, 0x83, 0xff] {
                let mut broken = der.clone();
                broken[index] = byte;
                let _ = Validity::read(&broken);
            }
        }
    }
}

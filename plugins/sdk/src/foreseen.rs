//! Questions asked ahead: a plugin that knows what it will want to read, list and look at asks for all of it at once, and
//! its parts ask as ever.
//!
//! Each round trip between plugin and agent costs two changes of process, which is more than most small files cost. What
//! was foreseen and is never asked for does no harm; what was not foreseen, or did not fit, is asked for when it is
//! wanted.

use std::collections::VecDeque;

use goodstead_protocol::fact::Cause;
use goodstead_protocol::message::{Granted, Reply, Request};

use crate::site::{Answer, Site};

/// How many requests go into one: as many as the agent answers at once.
const AT_ONCE: usize = 256;

/// The outcome with its bytes, or why there is none.
type Seen = Result<(Granted, Vec<u8>), Cause>;

/// A site of which some questions were asked already.
pub struct Foreseen<'s> {
    site: &'s mut dyn Site,
    answers: Vec<(Request, Seen)>,
}

impl<'s> Foreseen<'s> {
    /// Asks `site` for all of `requests`, which are `read`, `read_many`, `list` and `stat`. Those that it does not answer together
    /// are asked for one by one when they are wanted.
    pub fn ask(site: &'s mut dyn Site, requests: impl IntoIterator<Item = Request>) -> Self {
        let mut foreseen = Foreseen { site, answers: Vec::new() };
        let mut waiting: VecDeque<Request> = requests.into_iter().collect();
        while !waiting.is_empty() {
            let requests: Vec<Request> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
            let Ok(answer) = foreseen.site.ask(Request::Several { requests: requests.clone() }) else {
                break;
            };
            foreseen.keep(requests, answer);
        }
        foreseen
    }

    fn keep(&mut self, requests: Vec<Request>, answer: Answer) {
        let Granted::Several(parts) = answer.granted else { return };
        let mut data = answer.data.as_slice();
        for (request, part) in requests.into_iter().zip(parts) {
            let size = usize::try_from(part.bytes).unwrap_or(usize::MAX);
            let Some((bytes, rest)) = data.split_at_checked(size) else { return };
            data = rest;
            let outcome = match part.reply {
                Reply::Ok(granted) => Ok((granted, bytes.to_vec())),
                Reply::Refused(cause) => Err(cause),
            };
            self.answers.push((request, outcome));
        }
    }
}

impl Site for Foreseen<'_> {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let Some(at) = self.answers.iter().position(|(asked, _)| *asked == request) else {
            return self.site.ask(request);
        };
        // Of many files there may be megabytes, and nobody reads them twice; single ones are small.
        let seen = match request {
            Request::ReadMany { .. } => self.answers.swap_remove(at).1,
            _ => match self.answers.get(at) {
                Some((_, seen)) => seen.clone(),
                None => return self.site.ask(request),
            },
        };
        seen.map(|(granted, data)| Answer { granted, data, descriptor: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeSite;
    use crate::{CauseKind, Part, SiteExt};

    /// Counts what reaches it, and answers the first few of several only.
    struct Counting {
        site: FakeSite,
        fits: usize,
        asked: Vec<String>,
    }

    impl Site for Counting {
        fn ask(&mut self, mut request: Request) -> Result<Answer, Cause> {
            if let Request::Several { requests } = &mut request {
                requests.truncate(self.fits);
            }
            self.asked.push(format!("{request:?}"));
            self.site.ask(request)
        }
    }

    fn read(path: &str) -> Request {
        Request::Read { path: path.to_owned() }
    }

    #[test]
    fn what_was_foreseen_is_answered_without_asking_again() {
        let site = FakeSite::new().file("/a", "one").file("/b", "").refused_file(
            "/c",
            CauseKind::NotPermitted,
            "no",
        );
        let mut counting = Counting { site, fits: 9, asked: Vec::new() };
        let stat = Request::Stat { path: "/a".to_owned() };
        let mut site = Foreseen::ask(&mut counting, [read("/a"), read("/b"), stat, read("/c"), read("/d")]);
        let site: &mut dyn Site = &mut site;
        assert_eq!((site.read("/a").unwrap(), site.read("/b").unwrap()), (b"one".to_vec(), Vec::new()));
        assert_eq!((site.read("/a").unwrap(), site.stat("/a").unwrap().size), (b"one".to_vec(), 3));
        assert_eq!(site.read("/c").unwrap_err().kind, CauseKind::NotPermitted);
        assert_eq!(site.read("/d").unwrap_err().kind, CauseKind::Absent);
        assert_eq!(site.stat("/b").unwrap().size, 0);
        assert_eq!(counting.asked.len(), 2, "{:?}", counting.asked);
    }

    #[test]
    fn what_did_not_fit_is_asked_for_when_it_is_wanted() {
        let site = FakeSite::new().file("/a", "one").file("/b", "two");
        let mut counting = Counting { site, fits: 1, asked: Vec::new() };
        let mut site = Foreseen::ask(&mut counting, [read("/a"), read("/b")]);
        assert_eq!(site.read("/b").unwrap(), b"two");
        assert_eq!(site.read("/a").unwrap(), b"one");
        assert_eq!(counting.asked.len(), 2, "{:?}", counting.asked);
    }

    /// An agent that lies about sizes, or does not know the request.
    struct Odd(Option<Part>);

    impl Site for Odd {
        fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
            match (&self.0, request) {
                (Some(part), Request::Several { .. }) => {
                    let granted = Granted::Several(vec![part.clone(); 3]);
                    Ok(Answer { granted, data: b"abc".to_vec(), descriptor: None })
                }
                (None, Request::Several { .. }) => Err(Cause::new(CauseKind::PluginFailed, "unknown")),
                _ => Ok(Answer { granted: Granted::Read, data: b"alone".to_vec(), descriptor: None }),
            }
        }
    }

    #[test]
    fn answers_that_do_not_fit_are_not_believed() {
        let lie = Part { reply: Reply::Ok(Granted::Read), bytes: 4 };
        for mut odd in [Odd(None), Odd(Some(lie))] {
            let mut site = Foreseen::ask(&mut odd, [read("/a"), read("/b")]);
            assert_eq!(site.read("/a").unwrap(), b"alone");
        }
    }
}

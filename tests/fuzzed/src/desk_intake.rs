//! What comes to the desk as a report, from whoever has a credential.
//!
//! It is refused without a quote of it, or it is a report whose id fits into an address, whose scores lie where scores
//! lie, and of which each row of the board has bounded texts.

use goodstead_desk::{intake, summary};

/// The longest text of a row, in characters, with the mark of a cut.
const LONGEST: usize = 1_000;

/// Reads `data` as the body of a request.
pub fn run(data: &[u8]) {
    match intake::read(data) {
        Err(error) => {
            let public = error.public();
            assert!(!public.trim().is_empty());
            assert!(public.chars().all(|c| matches!(c, ' '..='~')), "{public:?}");
        }
        Ok(received) => {
            assert!(intake::is_id(&received.report.id));
            assert_eq!(received.hash.len(), 64);
            let rows = summary::summarise(&received.report);
            assert!(rows.len() <= intake::DEPLOYMENTS);
            for row in rows {
                assert!(row.deployment.chars().count() <= LONGEST, "{}", row.deployment.len());
                if let Some(score) = row.readiness {
                    assert!((0.0..=100.0).contains(&score.low) && (score.low..=100.0).contains(&score.high));
                }
            }
        }
    }
}

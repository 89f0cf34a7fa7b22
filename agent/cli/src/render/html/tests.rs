//! The page holds whatever a report may hold.

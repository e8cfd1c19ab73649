//! The time of day in words.

use std::time::{Duration, SystemTime};

/// Now, in UTC, as RFC 3339 with milliseconds: `2026-03-01T12:00:00.250Z`.
pub(super) fn rfc3339_now() -> String {
    rfc3339(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn rfc3339(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The Gregorian date of a day counted from 1970-01-01. Years are taken to begin in March, so that the leap
/// day is the last of its year and the lengths of the months before it never change: 153 days are five
/// months.
fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        let text = |seconds: u64, millis: u64| rfc3339(Duration::from_millis(seconds * 1000 + millis));
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400, 5), "2000-02-29T00:00:00.005Z");
        assert_eq!(text(1_709_251_199, 999), "2024-02-29T23:59:59.999Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut last = date(0);
        for day in 1..60_000 {
            let (year, month, of_month) = date(day);
            let next_day = (year, month, of_month) == (last.0, last.1, last.2 + 1);
            let next_month = of_month == 1 && (year, month) == (last.0, last.1 + 1) && last.2 >= 28;
            let next_year = (month, of_month) == (1, 1) && (last.1, last.2) == (12, 31) && year == last.0 + 1;
            assert!(next_day || next_month || next_year, "{last:?} then {year}-{month}-{of_month}");
            last = (year, month, of_month);
        }
    }
}

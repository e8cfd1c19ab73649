//! Waiting for something to become true, with a bound and a message that says what was seen last.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::slowness;

/// How often the condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Looks until `look` gives a value; `Err` says what it saw instead. After `bound` the last of those is the error; on a
/// slow kernel ([`slowness`]) it is so many times longer.
pub fn wait_until<T, E: Display>(
    bound: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> Result<T> {
    let (start, bound) = (Instant::now(), bound * slowness());
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(seen) if start.elapsed() >= bound => {
                bail!("after {:.1} s still no {what}; last seen: {seen}", start.elapsed().as_secs_f32())
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_again_until_it_is_so() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("not yet") }
        };
        assert_eq!(wait_until(Duration::from_secs(60), "third look", &mut look).unwrap(), 3);
    }

    #[test]
    fn the_timeout_says_what_was_awaited_and_what_was_seen() {
        let timeout = wait_until(Duration::ZERO, "session", || Err::<(), _>("Idle")).unwrap_err();
        assert_eq!(timeout.to_string(), "after 0.0 s still no session; last seen: Idle");
    }
}

//! What core cannot know of itself: the process that it runs in.

use std::fs;

use api::query::{Answer, ApiError};
use api::{Query, Request};
use tokio::sync::oneshot;

use super::turns::Turns;

/// Has the process's part filled in where an answer has one.
pub(super) fn with_process(request: Request, turns: Turns) -> Request {
    let Request { query: Query::GetStatus(_), .. } = &request else { return request };
    let (reply, answer) = oneshot::channel::<Result<Answer, ApiError>>();
    let Request { query, reply: asker } = request;
    tokio::spawn(async move {
        let Ok(answer) = answer.await else { return };
        let _ = asker.send(answer.map(|answer| fill_in(answer, turns)));
    });
    Request { query, reply }
}

fn fill_in(answer: Answer, turns: Turns) -> Answer {
    let Answer::GetStatus(mut status) = answer else { return answer };
    status.pid = std::process::id();
    status.memory_bytes = resident_octets().unwrap_or_default();
    status.longest_turn_microseconds = turns.longest().as_micros() as u64;
    status.longest_turn_cpu_microseconds = turns.busiest().as_micros() as u64;
    status.longest_turn_of_late_microseconds = turns.longest_of_late().as_micros() as u64;
    Answer::GetStatus(status)
}

/// The memory that is in use, in octets; `None` where the kernel does not say.
fn resident_octets() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    resident_in(&status)
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::v1;
    use std::time::Instant;

    #[test]
    fn resident_memory_as_the_kernel_writes_it() {
        assert_eq!(resident_in("Name:\tlinnetd\nVmRSS:\t   22104 kB\nRssAnon:\t 1 kB\n"), Some(22_634_496));
        assert_eq!(resident_in("Name:\tlinnetd\n"), None);
    }

    #[tokio::test]
    async fn only_the_status_is_filled_in() {
        let (reply, asker) = oneshot::channel();
        let request = with_process(
            Request { query: Query::GetStatus(v1::GetStatusRequest {}), reply },
            Turns::new(Instant::now()),
        );
        request.answer(Ok(v1::Status { asn: 7, ..Default::default() }.into()));
        let Ok(Ok(Answer::GetStatus(status))) = asker.await else { panic!("no status") };
        assert_eq!((status.asn, status.pid), (7, std::process::id()));
        assert!(status.memory_bytes > 0);
    }
}

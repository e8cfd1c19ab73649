//! What threads have used of the processors.

/// The CPU time of each thread, in ticks of 10 ms: its name, in the process, in the kernel.
pub(crate) fn cpu() -> Vec<(String, u64, u64)> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let thread = |stat: String| {
        let (name, rest) = stat.split_once(") ")?;
        let mut ticks = rest.split(' ').skip(11).filter_map(|word| word.parse().ok());
        Some((name.split_once('(')?.1.to_owned(), ticks.next()?, ticks.next()?))
    };
    stats.filter_map(thread).collect()
}

/// What each thread that did anything has used since `before`.
pub(crate) fn used(before: &[(String, u64, u64)]) -> String {
    let since = cpu().into_iter().map(|(name, user, system)| {
        let old = before.iter().find(|old| old.0 == name).map_or((0, 0), |old| (old.1, old.2));
        (name, (user - old.0) * 10, (system - old.1) * 10)
    });
    let busy = since.filter(|(_, user, system)| user + system > 0);
    busy.map(|(name, user, system)| format!("{name} {user}+{system} ms")).collect::<Vec<_>>().join(", ")
}

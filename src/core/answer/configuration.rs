//! What a reload changed, or would change.

use api::v1;

use crate::config::diff::{Change, Effect};

/// Changes, line by line; by those whose subjects are `ending` a session ends.
pub(in crate::core) fn change_rows(changes: &[Change], ending: &[String]) -> Vec<v1::ConfigurationChange> {
    changes.iter().map(|change| row(change, ending.contains(&change.subject))).collect()
}

fn row(change: &Change, ends_session: bool) -> v1::ConfigurationChange {
    let effect = match change.effect {
        Effect::Added => v1::ConfigurationEffect::Added,
        Effect::Removed => v1::ConfigurationEffect::Removed,
        Effect::Changed => v1::ConfigurationEffect::Changed,
        Effect::Reset => v1::ConfigurationEffect::Reset,
        Effect::NeedsRestart => v1::ConfigurationEffect::NeedsRestart,
    };
    v1::ConfigurationChange {
        subject: change.subject.clone(),
        effect: effect.into(),
        keys: change.keys.iter().map(ToString::to_string).collect(),
        ends_session,
        note: change.note.to_owned(),
    }
}

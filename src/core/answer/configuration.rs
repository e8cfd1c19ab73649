//! What a reload changed, or would change.

use api::v1;

use crate::config::diff::{Change, Effect};

/// The answer to a reload.
pub(in crate::core) fn changes_answer(changes: &[Change]) -> v1::ReloadConfigurationResponse {
    v1::ReloadConfigurationResponse { changes: changes.iter().map(row).collect() }
}

fn row(change: &Change) -> v1::ConfigurationChange {
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
    }
}

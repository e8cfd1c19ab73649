//! BFD sessions as a daemon would show them: one that is up, one that was lost, one that does not work.

use api::v1;

pub(crate) fn sessions() -> Vec<v1::BfdSession> {
    vec![up(), lost(), failed()]
}

pub(crate) fn up() -> v1::BfdSession {
    v1::BfdSession {
        neighbor: String::from("10.0.1.1"),
        state: v1::BfdState::Up.into(),
        since_seconds: Some(3720),
        remote_state: v1::BfdState::Up.into(),
        local_address: String::from("10.0.0.1"),
        local_discriminator: 3_735_928_559,
        remote_discriminator: 7,
        transmit_interval_ms: Some(300),
        receive_interval_ms: Some(50),
        multiplier: 3,
        remote_multiplier: 5,
        detection_time_ms: 250,
        ups: 2,
        downs: 1,
        packets_sent: 14_000,
        packets_received: 84_000,
        ..Default::default()
    }
}

fn lost() -> v1::BfdSession {
    v1::BfdSession {
        neighbor: String::from("10.0.1.3"),
        state: v1::BfdState::Down.into(),
        since_seconds: Some(7),
        diagnostic: String::from("control detection time expired"),
        remote_state: v1::BfdState::Down.into(),
        local_address: String::from("10.0.0.1"),
        multihop: true,
        local_discriminator: 4,
        transmit_interval_ms: Some(1000),
        receive_interval_ms: Some(300),
        multiplier: 3,
        ups: 1,
        downs: 1,
        packets_sent: 100,
        packets_received: 90,
        packets_discarded: 12,
        discard_reason: String::from("from too many hops away"),
        strict: true,
        ..Default::default()
    }
}

fn failed() -> v1::BfdSession {
    v1::BfdSession {
        neighbor: String::from("2001:db8::2"),
        multiplier: 3,
        error: String::from("UDP port 3784: Address already in use (os error 98)"),
        ..Default::default()
    }
}

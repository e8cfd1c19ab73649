//! What the fake has of duplicates.

use api::{ApiError, v1};

/// A MAC that is frozen, an address that goes from MAC to MAC, and one that two MACs claim.
fn all() -> Vec<v1::Duplicate> {
    let mac = v1::Duplicate {
        vni: 100,
        mac: "02:00:00:00:00:51".into(),
        r#type: v1::HostType::Remote.into(),
        vtep: "10.0.0.2".into(),
        local_sequence: Some(5),
        remote_sequence: Some(4),
        moves: 5,
        rival: "local".into(),
        frozen: true,
        age_seconds: 70,
        recovery_seconds: Some(110),
        ..Default::default()
    };
    let ip = v1::Duplicate {
        vni: 100,
        mac: "02:00:00:00:00:07".into(),
        ip: "10.1.0.7".into(),
        r#type: v1::HostType::Local.into(),
        moves: 12,
        rival: "02:00:00:00:00:08".into(),
        age_seconds: 3600,
        ..Default::default()
    };
    let claim = |mac: &str, sequence| v1::AddressClaim { mac: mac.into(), sequence, ..Default::default() };
    let (here, there) = (claim("02:00:00:00:00:0a", 1), claim("02:00:00:00:00:0b", 0));
    let claimed = v1::Duplicate {
        vni: 100,
        mac: here.mac.clone(),
        ip: "10.1.0.9".into(),
        r#type: v1::HostType::Local.into(),
        local_sequence: Some(1),
        rival: there.mac.clone(),
        age_seconds: 200,
        contested: true,
        claims: vec![
            v1::AddressClaim { r#type: v1::HostType::Local.into(), port: "pod9".into(), ..here },
            v1::AddressClaim { r#type: v1::HostType::Remote.into(), vtep: "10.0.0.2".into(), ..there },
        ],
        ..Default::default()
    };
    vec![mac, ip, claimed]
}

pub(crate) fn rows(request: &v1::ListDuplicatesRequest) -> Vec<v1::Duplicate> {
    all().into_iter().filter(|row| request.vni.is_none_or(|vni| vni == row.vni)).collect()
}

pub(crate) fn clear(request: &v1::ClearDuplicatesRequest) -> Result<v1::ClearDuplicatesResponse, ApiError> {
    let named = |row: &&v1::Duplicate| match row.ip.as_str() {
        _ if request.host.is_empty() => true,
        "" => row.mac == request.host,
        ip => ip == request.host,
    };
    let rows = rows(&v1::ListDuplicatesRequest { vni: request.vni, ..Default::default() });
    let cleared = rows.iter().filter(named).count() as u64;
    match cleared {
        0 if !request.host.is_empty() => {
            Err(ApiError::NotFound(format!("{} is none of the duplicates", request.host)))
        }
        _ => Ok(v1::ClearDuplicatesResponse { cleared }),
    }
}

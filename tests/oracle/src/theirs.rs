//! Reading and writing with the other codec.

use std::collections::HashMap;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::iana::BgpMessageType;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use bgp::wire::Encoding;

/// Reads one message; strict where it can be told to be.
pub fn read(octets: &[u8], encoding: &Encoding) -> Result<BgpMessage, String> {
    use netgauze_iana::address_family::AddressType::{Ipv4Unicast, Ipv6Unicast, L2VpnBgpEvpn};
    let spoken = [Ipv4Unicast, Ipv6Unicast, L2VpnBgpEvpn];
    let add_path: HashMap<_, _> =
        spoken.into_iter().map(|family| (family, !encoding.add_path.is_empty())).collect();
    let mut context = BgpParsingContext::new(encoding.as4, HashMap::new(), add_path, true, true, true, true);
    let mut reader = SliceReader::new(octets);
    let message = BgpMessage::parse(&mut reader, &mut context).map_err(|error| error.to_string())?;
    match reader.remaining() {
        0 => Ok(message),
        left => Err(format!("{left} octets are left")),
    }
}

/// Writes one message.
pub fn write(message: &BgpMessage) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    message.write(&mut octets).map_err(|error| error.to_string())?;
    Ok(octets)
}

/// The number of a message's type.
pub fn number(message: &BgpMessage) -> u8 {
    let kind: BgpMessageType = message.get_type();
    kind.into()
}

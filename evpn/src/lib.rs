//! BGP EVPN as pure state (RFC 7432, RFC 8365, RFC 9135): which MACs, neighbours and flood lists each VNI
//! has, what to tell BGP of the local ones, and what the dataplane should do about the remote ones.

pub mod dataplane;
